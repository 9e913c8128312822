// Every colour, size and duration of the window. The window sets what the system asks for; all else follows from it.
pragma Singleton
import QtQuick

QtObject {
    property bool dark: false
    property bool reducedMotion: false
    property bool highContrast: false
    property string bodyFamily
    property string codeFamily

    readonly property color background: dark ? "#16181d" : "#ffffff"
    readonly property color side: dark ? "#101216" : "#f5f6f8"
    readonly property color card: dark ? "#1d2027" : "#f7f8fa"
    readonly property color code: dark ? "#101216" : "#fafbfc"
    readonly property color line: highContrast ? secondInk : (dark ? "#2a2e37" : "#e3e6eb")
    readonly property color ink: dark ? "#e6e8ec" : "#1b1e24"
    readonly property color secondInk: highContrast ? ink : (dark ? "#9aa1ad" : "#626a77")
    readonly property color accent: dark ? "#8aa4ff" : "#3a5bd9"
    readonly property color accentInk: dark ? "#101216" : "#ffffff"
    readonly property color thinking: dark ? "#c9a86a" : "#8a6512"
    readonly property color good: dark ? "#5fc28a" : "#1d8a4e"
    readonly property color bad: dark ? "#f2777a" : "#b3261e"

    readonly property color chosen: Qt.rgba(accent.r, accent.g, accent.b, 0.12)
    readonly property color hovered: Qt.rgba(ink.r, ink.g, ink.b, 0.06)
    readonly property color selection: Qt.rgba(accent.r, accent.g, accent.b, 0.30)
    readonly property color inlineCode: Qt.rgba(ink.r, ink.g, ink.b, 0.07)
    readonly property color scrim: Qt.rgba(0, 0, 0, 0.4)

    readonly property int answerSize: 15
    readonly property int textSize: 14
    readonly property int smallSize: 13
    readonly property int codeSize: 13
    readonly property int tinySize: 12
    readonly property int labelSize: 11
    readonly property real labelTracking: 0.8
    readonly property real answerLineHeight: 1.35

    readonly property int step: 4
    readonly property int rowRadius: 6
    readonly property int codeRadius: 8
    readonly property int cardRadius: 10
    readonly property int bubbleRadius: 12
    readonly property int composerRadius: 14

    readonly property int sidebarWidth: 264
    readonly property int threadWidth: 720
    readonly property int overlayBelow: 640
    readonly property int headerHeight: 48

    readonly property int quick: reducedMotion ? 0 : 120
    readonly property int calm: reducedMotion ? 0 : 180
}
