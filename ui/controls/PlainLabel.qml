// Text of the interface. Never markup.
import QtQuick

Text {
    color: Theme.ink
    textFormat: Text.PlainText
    font.family: Theme.bodyFamily
    font.pixelSize: Theme.smallSize
}
