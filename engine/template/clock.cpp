#include "engine/template/clock.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace lemma::jinja {
namespace {
constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};

bool leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int dayOfYear(const ClockTime& t) {  // from 1
  constexpr int kBefore[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  return kBefore[(t.month - 1) % 12] + t.day + (t.month > 2 && leap(t.year));
}

int weekday(const ClockTime& t) {  // 0 = Sunday; Sakamoto's method
  constexpr int kShift[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
  const int y = t.year - (t.month < 3);
  return (y + y / 4 - y / 100 + y / 400 + kShift[(t.month - 1) % 12] + t.day) % 7;
}

int isoWeeks(int year) {  // 52 or 53
  const int first = weekday({year, 1, 1, 0, 0, 0});
  return first == 4 || (first == 3 && leap(year)) ? 53 : 52;
}
}  // namespace

ClockTime systemTime() {
  const std::time_t now = std::time(nullptr);
  std::tm tm{};
  localtime_r(&now, &tm);
  return {tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec};
}

std::string strftime(std::string_view format, const ClockTime& t) {
  std::string out;
  const int wday = weekday(t), yday = dayOfYear(t), hour12 = t.hour % 12 == 0 ? 12 : t.hour % 12;
  const int isoDay = wday == 0 ? 7 : wday;
  int isoYear = t.year, isoWeek = (yday - isoDay + 10) / 7;
  if (isoWeek < 1) {
    isoWeek = isoWeeks(--isoYear);
  } else if (isoWeek > isoWeeks(isoYear)) {
    isoWeek = 1;
    ++isoYear;
  }
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 >= format.size()) {
      out += format[i];
      continue;
    }
    char pad = 0;
    if ((format[i + 1] == '-' || format[i + 1] == '_') && i + 2 < format.size()) pad = format[++i];
    const auto digits = [&](int value, int width, char fill = '0') {
      std::string s = std::to_string(value);
      const char with = pad == '_' ? ' ' : fill;
      while (pad != '-' && int(s.size()) < width) s.insert(s.begin(), with);
      out += s;
    };
    switch (const char c = format[++i]) {
      case 'a':
        out += kDays[size_t(wday)].substr(0, 3);
        break;
      case 'A':
        out += kDays[size_t(wday)];
        break;
      case 'b':
      case 'h':
        out += kMonths[size_t(t.month - 1) % 12].substr(0, 3);
        break;
      case 'B':
        out += kMonths[size_t(t.month - 1) % 12];
        break;
      case 'c':
        out += strftime("%a %b %e %H:%M:%S %Y", t);
        break;
      case 'C':
        digits(t.year / 100, 2);
        break;
      case 'd':
        digits(t.day, 2);
        break;
      case 'D':
      case 'x':
        out += strftime("%m/%d/%y", t);
        break;
      case 'e':
        digits(t.day, 2, ' ');
        break;
      case 'f':
        out += "000000";
        break;
      case 'F':
        out += strftime("%Y-%m-%d", t);
        break;
      case 'g':
        digits(isoYear % 100, 2);
        break;
      case 'G':
        digits(isoYear, 4);
        break;
      case 'H':
        digits(t.hour, 2);
        break;
      case 'I':
        digits(hour12, 2);
        break;
      case 'j':
        digits(yday, 3);
        break;
      case 'k':
        digits(t.hour, 2, ' ');
        break;
      case 'l':
        digits(hour12, 2, ' ');
        break;
      case 'm':
        digits(t.month, 2);
        break;
      case 'M':
        digits(t.minute, 2);
        break;
      case 'n':
        out += '\n';
        break;
      case 'p':
        out += t.hour < 12 ? "AM" : "PM";
        break;
      case 'r':
        out += strftime("%I:%M:%S %p", t);
        break;
      case 'R':
        out += strftime("%H:%M", t);
        break;
      case 'S':
        digits(t.second, 2);
        break;
      case 't':
        out += '\t';
        break;
      case 'T':
      case 'X':
        out += strftime("%H:%M:%S", t);
        break;
      case 'u':
        digits(isoDay, 1);
        break;
      case 'U':
        digits((yday + 6 - wday) / 7, 2);
        break;
      case 'V':
        digits(isoWeek, 2);
        break;
      case 'w':
        digits(wday, 1);
        break;
      case 'W':
        digits((yday + 6 - (wday + 6) % 7) / 7, 2);
        break;
      case 'y':
        digits(t.year % 100, 2);
        break;
      case 'Y':
        digits(t.year, 1);
        break;
      case 'z':
      case 'Z':
        break;  // the time has no zone, as Python's datetime.now()
      case '%':
        out += '%';
        break;
      default:
        out += '%';
        if (pad != 0) out += pad;
        out += c;
    }
  }
  return out;
}

}  // namespace lemma::jinja
