// Models and where they lie, settings that deviate, and what the program remembers of itself.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "storage/store.h"

namespace lemma::storage {
namespace {

constexpr std::string_view kScopeNames[] = {"person", "model", "conversation"};

Result<std::string_view> scopeName(Store::Scope scope, const std::string& owner) {
  const std::string_view word = kScopeNames[static_cast<int>(scope)];
  if ((scope == Store::Scope::person) != owner.empty())
    return fail(Err::badValue,
                "A setting of scope " + std::string(word) +
                    (owner.empty() ? " needs to say whose it is." : " belongs to nobody in particular."));
  return word;
}

}  // namespace

Result<void> Store::rememberModel(const ModelRecord& model, const std::string& path) {
  if (!model.json.empty() && !nlohmann::json::accept(model.json))
    return fail(Err::badValue, "The details of the model " + model.name + " are not JSON.");
  const Millis now = clock_();
  STORE_TRY(transaction, Transaction::begin(db_));
  STORE_CHECK(
      db_.run("INSERT INTO model(id, name, architecture, bytes, json, first_seen, last_used)"
              " VALUES(?1, ?2, ?3, ?4, nullif(?5, ''), ?6, ?6) ON CONFLICT(id) DO UPDATE SET name = excluded.name,"
              " architecture = excluded.architecture, bytes = excluded.bytes, json = excluded.json,"
              " last_used = excluded.last_used",
              model.id, model.name, model.architecture, model.bytes, model.json, now));
  // A path holds one file: whatever lay there before does no longer.
  STORE_CHECK(db_.run("UPDATE model_place SET present = 0 WHERE path = ? AND model_id <> ?", path, model.id));
  STORE_CHECK(
      db_.run("INSERT INTO model_place(model_id, path, last_seen, present) VALUES(?, ?, ?, 1)"
              " ON CONFLICT(model_id, path) DO UPDATE SET last_seen = excluded.last_seen, present = 1",
              model.id, path, now));
  return transaction.commit();
}

Result<std::vector<ModelRecord>> Store::modelsWhere(const char* condition, const std::string& value) {
  std::vector<ModelRecord> out;
  STORE_TRY(rows, db_.query(std::string("SELECT id, name, architecture, bytes, json, last_used FROM model WHERE ") +
                                condition + " ORDER BY last_used DESC, id",
                            value));
  for (;;) {
    STORE_TRY(row, rows.step());
    if (!row) break;
    ModelRecord model;
    model.id = rows.text(0);
    model.name = rows.text(1);
    model.architecture = rows.text(2);
    model.bytes = static_cast<uint64_t>(rows.integer(3));
    model.json = rows.text(4);
    model.lastUsed = rows.integer(5);
    STORE_TRY(
        places,
        db_.query("SELECT path, last_seen, present FROM model_place WHERE model_id = ? ORDER BY last_seen DESC, path",
                  model.id));
    for (;;) {
      STORE_TRY(place, places.step());
      if (!place) break;
      model.places.push_back({places.text(0), places.integer(1), places.integer(2) != 0});
    }
    out.push_back(std::move(model));
  }
  return out;
}

Result<std::vector<ModelRecord>> Store::models() { return modelsWhere("?1 = ''", ""); }

Result<std::optional<ModelRecord>> Store::findModel(const std::string& id) {
  STORE_TRY(found, modelsWhere("id = ?1", id));
  if (found.empty()) return std::optional<ModelRecord>();
  return std::optional<ModelRecord>(std::move(found.front()));
}

Result<std::optional<ModelRecord>> Store::checkPlaces(const std::string& id) {
  STORE_TRY(model, findModel(id));
  if (!model) return model;
  bool changed = false;
  for (ModelPlace& place : model->places) {
    std::error_code none;
    const bool there = std::filesystem::is_regular_file(place.path, none) &&
                       std::filesystem::file_size(place.path, none) == model->bytes;
    changed = changed || there != place.present;
    place.present = there;
    if (there) place.lastSeen = clock_();
  }
  if (!changed || report_.readOnly) return model;
  STORE_TRY(transaction, Transaction::begin(db_));
  for (const ModelPlace& place : model->places)
    STORE_CHECK(db_.run("UPDATE model_place SET present = ?, last_seen = ? WHERE model_id = ? AND path = ?",
                        place.present, place.lastSeen, id, place.path));
  STORE_CHECK(transaction.commit());
  return model;
}

Result<void> Store::forgetModel(const std::string& id) {
  STORE_TRY(transaction, Transaction::begin(db_));
  STORE_CHECK(db_.run("DELETE FROM setting WHERE scope = 'model' AND owner = ?", id));
  STORE_CHECK(db_.run("DELETE FROM model WHERE id = ?", id));
  if (db_.changes() == 0) return fail(Err::notFound, "There is no model " + id + ".");
  return transaction.commit();
}

Result<SettingMap> Store::settings(Scope scope, const std::string& owner) {
  STORE_TRY(word, scopeName(scope, owner));
  STORE_TRY(rows, db_.query("SELECT key, value FROM setting WHERE scope = ? AND owner = ?", word, owner));
  SettingMap out;
  for (;;) {
    STORE_TRY(row, rows.step());
    if (!row) return out;
    if (auto value = settingFromJson(rows.text(1))) out.emplace(rows.text(0), std::move(*value));
  }
}

Result<void> Store::setSetting(Scope scope, const std::string& owner, const std::string& key,
                               const std::optional<SettingValue>& value) {
  STORE_TRY(word, scopeName(scope, owner));
  const SettingSpec* spec = findSetting(key);
  if (!spec) return fail(Err::badValue, "There is no setting named " + key + ".");
  STORE_TRY(transaction, Transaction::begin(db_));
  if (value) {
    STORE_TRY(checked, checkSetting(*spec, *value));
    STORE_CHECK(
        db_.run("INSERT INTO setting(scope, owner, key, value) VALUES(?, ?, ?, ?)"
                " ON CONFLICT(scope, owner, key) DO UPDATE SET value = excluded.value",
                word, owner, key, settingToJson(checked)));
  } else {
    STORE_CHECK(db_.run("DELETE FROM setting WHERE scope = ? AND owner = ? AND key = ?", word, owner, key));
  }
  return transaction.commit();
}

Result<std::optional<std::string>> Store::state(const std::string& key) {
  STORE_TRY(rows, db_.query("SELECT json FROM app_state WHERE key = ?", key));
  STORE_TRY(row, rows.step());
  if (!row) return std::optional<std::string>();
  return std::optional<std::string>(rows.text(0));
}

Result<void> Store::setState(const std::string& key, const std::string& json) {
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("version") || !parsed["version"].is_number_integer())
    return fail(Err::badValue, "The state " + key + " must be a JSON object with a whole number \"version\".");
  STORE_TRY(transaction, Transaction::begin(db_));
  STORE_CHECK(db_.run(
      "INSERT INTO app_state(key, json) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET json = excluded.json", key, json));
  return transaction.commit();
}

}  // namespace lemma::storage
