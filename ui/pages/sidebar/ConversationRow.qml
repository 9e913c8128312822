import QtQuick
import Lemma
import QtQuick.Controls.Basic

Item {
    id: root

    required property int index
    required property string conversationId
    required property string title
    required property SidebarVm vm
    property bool highlighted: false

    readonly property bool chosen: conversationId === vm.currentId
    readonly property bool renaming: conversationId === vm.renamingId

    implicitHeight: 32
    Accessible.role: Accessible.ListItem
    Accessible.name: title
    Accessible.selected: chosen
    Accessible.focusable: true

    Rectangle {
        anchors.fill: parent
        radius: Theme.rowRadius
        color: root.chosen ? Theme.chosen : hover.hovered ? Theme.hovered : "transparent"
        border.width: root.highlighted ? 2 : 0
        border.color: Theme.accent
    }
    PlainLabel {
        anchors.left: parent.left
        anchors.right: actions.left
        anchors.leftMargin: 10
        anchors.rightMargin: 6
        anchors.verticalCenter: parent.verticalCenter
        visible: !root.renaming
        text: root.title
        elide: Text.ElideRight
        Accessible.ignored: true
    }
    HoverHandler {
        id: hover
    }
    TapHandler {
        enabled: !root.renaming
        onTapped: root.vm.open(root.conversationId)
        onDoubleTapped: root.vm.startRename(root.conversationId)
    }
    Row {
        id: actions

        anchors.right: parent.right
        anchors.rightMargin: 8
        anchors.verticalCenter: parent.verticalCenter
        spacing: 8
        visible: hover.hovered && !root.renaming
        width: visible ? implicitWidth : 0

        TextAction {
            text: qsTr("Rename")
            focusPolicy: Qt.NoFocus
            Accessible.name: qsTr("Rename %1").arg(root.title)
            onClicked: root.vm.startRename(root.conversationId)
        }
        TextAction {
            text: qsTr("Export")
            focusPolicy: Qt.NoFocus
            Accessible.name: qsTr("Export %1").arg(root.title)
            onClicked: root.vm.startExport(root.conversationId)
        }
        TextAction {
            text: qsTr("Delete")
            focusPolicy: Qt.NoFocus
            Accessible.name: qsTr("Delete %1").arg(root.title)
            onClicked: root.vm.remove(root.conversationId)
        }
    }
    Loader {
        anchors.fill: parent
        active: root.renaming
        sourceComponent: TextField {
            leftPadding: 9
            rightPadding: 9
            verticalAlignment: TextInput.AlignVCenter
            text: root.title
            color: Theme.ink
            selectionColor: Theme.selection
            selectedTextColor: Theme.ink
            font.family: Theme.bodyFamily
            font.pixelSize: Theme.smallSize
            maximumLength: 200
            Accessible.name: qsTr("Title")
            background: Rectangle {
                radius: Theme.rowRadius
                color: Theme.background
                border.color: Theme.accent
            }
            Keys.onShortcutOverride: event => event.accepted = event.key === Qt.Key_Escape
            Keys.onEscapePressed: root.vm.cancelRename()
            onAccepted: root.vm.finishRename(text)
            onActiveFocusChanged: {
                if (!activeFocus)
                    root.vm.finishRename(text);
            }
            Component.onCompleted: {
                forceActiveFocus();
                selectAll();
            }
        }
    }
}
