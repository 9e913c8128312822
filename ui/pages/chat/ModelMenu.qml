import QtQuick
import Lemma
import QtQuick.Controls.Basic

ChoiceMenu {
    id: root

    property ModelVm model
    signal openRequested

    title: qsTr("Model")
    implicitWidth: 320

    Instantiator {
        model: root.model ? root.model.known : []
        delegate: ChoiceItem {
            required property var modelData

            text: modelData.name
            explanation: modelData.description
            chosen: modelData.current
            onTriggered: root.model.use(modelData.id)
        }
        onObjectAdded: (index, object) => root.insertItem(index, object)
        onObjectRemoved: (index, object) => root.removeItem(object)
    }
    ChoiceItem {
        text: qsTr("Open a model file")
        onTriggered: root.openRequested()
    }
}
