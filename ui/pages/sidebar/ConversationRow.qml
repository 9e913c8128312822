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

    function openMenu() {
        menu.active = true;
    }

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
        anchors.right: more.left
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
    TapHandler {
        enabled: !root.renaming
        acceptedButtons: Qt.RightButton
        onTapped: root.openMenu()
    }
    // One small button: words over the row's middle would take the clicks that open it.
    TextAction {
        id: more

        anchors.right: parent.right
        anchors.rightMargin: 4
        height: parent.height
        width: visible ? 24 : 0
        visible: (hover.hovered || menu.active) && !root.renaming
        text: "\u22ef"
        focusPolicy: Qt.NoFocus
        Accessible.role: Accessible.ButtonMenu
        Accessible.name: qsTr("More for %1").arg(root.title)
        onClicked: root.openMenu()
    }
    Loader {
        id: menu

        active: false
        source: "RowMenu.qml"
        onLoaded: {
            item.vm = root.vm;
            item.conversationId = root.conversationId;
            item.popup(root, root.width - item.width, root.height + 2);
        }
    }
    Connections {
        target: menu.item

        function onClosed() {
            menu.active = false;
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
