import QtQuick

PlainLabel {
    color: Theme.secondInk
    font.pixelSize: Theme.labelSize
    font.letterSpacing: Theme.labelTracking
    font.capitalization: Font.AllUppercase
}
