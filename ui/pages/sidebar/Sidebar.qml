// The conversations, newest first, in sections; new, rename, delete with undo; where the words go.
import QtQuick
import Lemma
import QtQuick.Controls.Basic
import QtQuick.Layouts

Rectangle {
    id: root

    required property SidebarVm vm
    required property ModelVm model
    signal hideRequested

    function focusList() {
        list.currentIndex = Math.max(0, root.vm.currentRow);
        list.forceActiveFocus(Qt.TabFocusReason);
    }

    color: Theme.side
    Accessible.role: Accessible.Pane
    Accessible.name: qsTr("Conversations")

    Rectangle {
        anchors.right: parent.right
        width: 1
        height: parent.height
        color: Theme.line
    }
    ColumnLayout {
        anchors.fill: parent
        anchors.margins: 12
        spacing: 0

        RowLayout {
            Layout.fillWidth: true
            spacing: 8

            PlainLabel {
                Layout.fillWidth: true
                text: qsTr("Lemma")
                font.pixelSize: Theme.answerSize
                font.weight: Font.Bold
            }
            OutlineButton {
                text: "\u2190"
                leftPadding: 9
                rightPadding: 9
                Accessible.name: qsTr("Hide the conversations")
                onClicked: root.hideRequested()
            }
            OutlineButton {
                text: qsTr("+ New")
                Accessible.name: qsTr("New conversation")
                onClicked: root.vm.startNew()
            }
        }
        ListView {
            id: list

            Layout.fillWidth: true
            Layout.fillHeight: true
            Layout.topMargin: 10
            model: root.vm.conversations
            clip: true
            spacing: 4
            boundsBehavior: Flickable.StopAtBounds
            activeFocusOnTab: count > 0
            keyNavigationEnabled: true
            currentIndex: root.vm.currentRow
            Accessible.role: Accessible.List
            Accessible.name: qsTr("Conversations")
            ScrollBar.vertical: ThinScrollBar {}
            section.property: "section"
            section.delegate: Item {
                required property string section

                width: ListView.view.width
                height: 30

                SectionLabel {
                    anchors.bottom: parent.bottom
                    anchors.bottomMargin: 6
                    text: parent.section
                    Accessible.role: Accessible.Heading
                    Accessible.name: text
                }
            }
            delegate: ConversationRow {
                width: ListView.view.width
                vm: root.vm
                highlighted: list.activeFocus && ListView.isCurrentItem
            }
            // These keys belong to the row that has the keyboard, not to the conversation that is open.
            Keys.onShortcutOverride: event => event.accepted = event.key === Qt.Key_F2 || event.key === Qt.Key_Delete
            Keys.onPressed: event => {
                if (!currentItem)
                    return;
                const id = currentItem.conversationId;
                event.accepted = true;
                if (event.key === Qt.Key_F2)
                    root.vm.startRename(id);
                else if (event.key === Qt.Key_Delete)
                    root.vm.remove(id);
                else if (event.key === Qt.Key_Menu)
                    currentItem.openMenu();
                else if (event.key === Qt.Key_Return || event.key === Qt.Key_Enter || event.key === Qt.Key_Space)
                    root.vm.open(id);
                else
                    event.accepted = false;
            }
        }
        PlainLabel {
            Layout.fillWidth: true
            Layout.topMargin: 8
            visible: root.vm.problem !== ""
            text: root.vm.problem
            color: Theme.bad
            font.pixelSize: Theme.tinySize
            wrapMode: Text.Wrap
            Accessible.role: Accessible.AlertMessage
            Accessible.name: text
        }
        RowLayout {
            Layout.fillWidth: true
            Layout.topMargin: 8
            visible: root.vm.notice !== ""
            spacing: 10

            PlainLabel {
                Layout.fillWidth: true
                text: root.vm.notice
                color: Theme.secondInk
                font.pixelSize: Theme.tinySize
                wrapMode: Text.Wrap
                Accessible.role: Accessible.AlertMessage
                Accessible.name: text
            }
            TextAction {
                text: "\u00D7"
                Accessible.name: qsTr("Dismiss")
                onClicked: root.vm.dismissNotice()
            }
        }
        RowLayout {
            Layout.fillWidth: true
            Layout.topMargin: 8
            visible: root.vm.undoText !== ""
            spacing: 10

            PlainLabel {
                Layout.fillWidth: true
                text: root.vm.undoText
                color: Theme.secondInk
                elide: Text.ElideRight
                font.pixelSize: Theme.tinySize
                Accessible.role: Accessible.AlertMessage
                Accessible.name: text
            }
            TextAction {
                text: qsTr("Undo")
                tint: Theme.accent
                Accessible.name: qsTr("Undo the deletion")
                onClicked: root.vm.undoRemove()
            }
            TextAction {
                text: "\u00D7"
                Accessible.name: qsTr("Dismiss")
                onClicked: root.vm.dismissUndo()
            }
        }
        Rectangle {
            Layout.fillWidth: true
            Layout.topMargin: 10
            implicitHeight: 1
            color: Theme.line
        }
        RowLayout {
            Layout.fillWidth: true
            Layout.topMargin: 12
            spacing: 6

            Rectangle {
                implicitWidth: 8
                implicitHeight: 8
                radius: 4
                color: privacy.color
            }
            PlainLabel {
                id: privacy

                Layout.fillWidth: true
                text: root.model.privacy
                color: root.model.local ? Theme.good : Theme.thinking
                elide: Text.ElideRight
                font.pixelSize: Theme.tinySize
                Accessible.role: Accessible.StaticText
                Accessible.name: text
            }
            TextAction {
                text: qsTr("Import")
                explanation: qsTr("Bring in conversations from a file that Lemma wrote")
                Accessible.name: qsTr("Import conversations")
                onClicked: root.vm.startImport()
            }
        }
    }
}
