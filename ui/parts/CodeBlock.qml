// Code as written, always left to right; characters that would reorder it are visible.
import QtQuick
import QtQuick.Controls.Basic

Item {
    id: root

    required property var content
    required property string source
    required property string language
    required property int listDepth
    required property int quoteDepth
    required property string marker
    required property int gap
    signal copyRequested(string text)

    implicitHeight: frame.implicitHeight

    BlockFrame {
        id: frame

        width: root.width
        height: implicitHeight
        gap: root.gap
        listDepth: root.listDepth
        quoteDepth: root.quoteDepth
        marker: root.marker

        Rectangle {
            width: parent.width
            height: scroller.y + scroller.height + 12
            radius: Theme.codeRadius
            color: Theme.code
            border.color: Theme.line
            LayoutMirroring.enabled: false
            LayoutMirroring.childrenInherit: true

            PlainLabel {
                id: languageLabel

                anchors.left: parent.left
                anchors.leftMargin: 14
                y: 8
                text: root.language === "" ? qsTr("code") : root.language
                color: Theme.secondInk
                font.family: Theme.codeFamily
                font.pixelSize: Theme.tinySize
            }
            TextAction {
                anchors.right: parent.right
                anchors.rightMargin: 14
                anchors.verticalCenter: languageLabel.verticalCenter
                text: qsTr("Copy")
                Accessible.name: qsTr("Copy code")
                onClicked: root.copyRequested(root.source)
            }
            Flickable {
                id: scroller

                anchors.left: parent.left
                anchors.right: parent.right
                anchors.margins: 14
                y: 34
                height: code.implicitHeight + (contentWidth > width ? 8 : 0)
                contentWidth: code.implicitWidth
                contentHeight: height
                clip: true
                flickableDirection: Flickable.HorizontalFlick
                boundsBehavior: Flickable.StopAtBounds
                ScrollBar.horizontal: ThinScrollBar {}

                SpanTextView {
                    id: code

                    content: root.content
                    wrapMode: TextEdit.NoWrap
                    horizontalAlignment: TextEdit.AlignLeft
                    font.family: Theme.codeFamily
                    font.pixelSize: Theme.codeSize
                }
            }
        }
    }
}
