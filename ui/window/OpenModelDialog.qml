import QtQuick
import QtQuick.Dialogs

FileDialog {
    signal chosen(url file)

    title: qsTr("Open a model file")
    nameFilters: [qsTr("Models (*.gguf *.safetensors config.json)"), qsTr("All files (*)")]
    onAccepted: chosen(selectedFile)
}
