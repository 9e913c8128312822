// A conversation: its title, its thread, the composer. What is shown and done is the view-model's business.
import QtQuick
import Lemma
import QtQuick.Layouts

Item {
    id: root

    required property ChatPageVm vm
    required property bool sidebarShown
    signal sidebarRequested
    signal openModelRequested
    signal linkChosen(string link)

    function focusComposer() {
        composer.focusInput();
    }
    function scrollPage(direction) {
        thread.page(direction);
    }

    ColumnLayout {
        anchors.fill: parent
        spacing: 0

        Item {
            Layout.fillWidth: true
            implicitHeight: Theme.headerHeight

            RowLayout {
                anchors.fill: parent
                anchors.leftMargin: root.sidebarShown ? 24 : 12
                anchors.rightMargin: 24
                spacing: 12

                OutlineButton {
                    visible: !root.sidebarShown
                    text: "\u2192"
                    leftPadding: 9
                    rightPadding: 9
                    Accessible.name: qsTr("Show the conversations")
                    onClicked: root.sidebarRequested()
                }
                PlainLabel {
                    Layout.fillWidth: true
                    text: root.vm.title !== "" ? root.vm.title : qsTr("New conversation")
                    elide: Text.ElideRight
                    font.pixelSize: Theme.textSize
                    font.weight: Font.DemiBold
                    Accessible.role: Accessible.Heading
                    Accessible.name: text
                }
            }
            Rectangle {
                anchors.bottom: parent.bottom
                width: parent.width
                height: 1
                color: Theme.line
            }
        }
        Item {
            Layout.fillWidth: true
            Layout.fillHeight: true

            Thread {
                id: thread

                anchors.fill: parent
                vm: root.vm
                onLinkChosen: link => root.linkChosen(link)
            }
            EmptyState {
                anchors.centerIn: parent
                width: Math.min(parent.width - 48, 480)
                visible: root.vm.empty
                model: root.vm.model
                onOpenModelRequested: root.openModelRequested()
            }
            Column {
                anchors.centerIn: parent
                width: Math.min(parent.width - 48, 480)
                spacing: 12
                visible: root.vm.problem !== ""

                ProblemText {
                    width: parent.width
                    sentence: root.vm.problem
                }
                OutlineButton {
                    text: qsTr("Try again")
                    onClicked: root.vm.reload()
                }
            }
            OutlineButton {
                anchors.bottom: parent.bottom
                anchors.bottomMargin: 8
                anchors.horizontalCenter: parent.horizontalCenter
                visible: !thread.followsEnd && root.vm.generating
                text: qsTr("Go to the end")
                onClicked: thread.toEnd()
            }
        }
        ModelState {
            Layout.fillWidth: true
            Layout.maximumWidth: Theme.threadWidth + 32
            Layout.leftMargin: 16
            Layout.rightMargin: 16
            Layout.alignment: Qt.AlignHCenter
            visible: !root.vm.empty && active
            model: root.vm.model
            onOpenModelRequested: root.openModelRequested()
        }
        Composer {
            id: composer

            Layout.fillWidth: true
            Layout.maximumWidth: Theme.threadWidth + 32
            Layout.leftMargin: 16
            Layout.rightMargin: 16
            Layout.bottomMargin: 18
            Layout.topMargin: 8
            Layout.alignment: Qt.AlignHCenter
            vm: root.vm
            onOpenModelRequested: root.openModelRequested()
        }
    }
    // A screen reader hears what the answer is at; see the view-model for how seldom.
    PlainLabel {
        id: status

        width: 1
        height: 1
        opacity: 0
        text: root.vm.announcement
        Accessible.role: Accessible.AlertMessage
        Accessible.name: text
    }
    Connections {
        target: root.vm

        function onSent() {
            thread.toEnd();
        }
        function onConversationChanged() {
            thread.followsEnd = true;
        }
    }
    Connections {
        target: root.Window.window

        function onActiveFocusItemChanged() {
            const item = root.Window.activeFocusItem;
            for (let at = item; at; at = at.parent) {
                if (at === thread.contentItem) {
                    thread.reveal(item);
                    return;
                }
            }
        }
    }
}
