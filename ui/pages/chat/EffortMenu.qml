import QtQuick
import Lemma
import QtQuick.Controls.Basic

ChoiceMenu {
    id: root

    property ChatPageVm vm

    title: qsTr("Thinking")

    Instantiator {
        model: root.vm ? root.vm.efforts : []
        delegate: ChoiceItem {
            required property var modelData

            text: modelData.name
            explanation: modelData.explanation
            chosen: modelData.current
            onTriggered: root.vm.setEffortLevel(modelData.level)
        }
        onObjectAdded: (index, object) => root.insertItem(index, object)
        onObjectRemoved: (index, object) => root.removeItem(object)
    }
}
