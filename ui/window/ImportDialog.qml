import QtQuick
import QtQuick.Dialogs

FileDialog {
    signal chosen(url file)

    title: qsTr("Import conversations")
    nameFilters: [qsTr("Lemma's conversations (*.json)"), qsTr("All files (*)")]
    onAccepted: chosen(selectedFile)
}
