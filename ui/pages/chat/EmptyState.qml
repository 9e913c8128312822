// Nothing asked yet: one sentence, one action. Which, depends on whether there is a model.
import QtQuick
import Lemma

Column {
    id: root

    required property ModelVm model
    signal openModelRequested

    spacing: 16

    PlainLabel {
        width: parent.width
        visible: root.model.state === "ready"
        text: qsTr("Ask a question below: the model thinks it through in front of you, then answers.")
        color: Theme.secondInk
        font.pixelSize: Theme.answerSize
        wrapMode: Text.Wrap
        horizontalAlignment: Text.AlignHCenter
        lineHeight: Theme.answerLineHeight
    }
    PlainLabel {
        width: parent.width
        visible: root.model.state === "empty"
        text: qsTr("Lemma needs a model to think with: a file that ends in .gguf, or any file of a Hugging Face folder.")
        color: Theme.secondInk
        font.pixelSize: Theme.answerSize
        wrapMode: Text.Wrap
        horizontalAlignment: Text.AlignHCenter
        lineHeight: Theme.answerLineHeight
    }
    OutlineButton {
        anchors.horizontalCenter: parent.horizontalCenter
        visible: root.model.state === "empty"
        primary: true
        implicitHeight: 34
        text: qsTr("Open a model file")
        onClicked: root.openModelRequested()
    }
    ModelState {
        width: parent.width
        model: root.model
        onOpenModelRequested: root.openModelRequested()
    }
}
