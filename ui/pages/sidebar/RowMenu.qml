// What a person can do with one conversation of the list.
import QtQuick
import Lemma
import QtQuick.Controls.Basic

ChoiceMenu {
    id: root

    property SidebarVm vm
    property string conversationId
    // What was chosen. Done once the menu is gone: as it goes it gives the keyboard back, away from a field opened before.
    property var chosen: () => {}

    implicitWidth: 180
    onClosed: chosen()

    ChoiceItem {
        text: qsTr("Rename")
        onTriggered: root.chosen = () => root.vm.startRename(root.conversationId)
    }
    ChoiceItem {
        text: qsTr("Export")
        onTriggered: root.chosen = () => root.vm.startExport(root.conversationId)
    }
    ChoiceItem {
        text: qsTr("Delete")
        onTriggered: root.chosen = () => root.vm.remove(root.conversationId)
    }
}
