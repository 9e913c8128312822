// Where a conversation is written to, and as what.
import QtQuick
import QtQuick.Dialogs

FileDialog {
    id: root

    signal chosen(url file, int format)

    function suggest(name) {
        selectedFile = currentFolder + "/" + encodeURIComponent(name);
    }

    title: qsTr("Export the conversation")
    fileMode: FileDialog.SaveFile
    acceptLabel: qsTr("Save")
    nameFilters: [qsTr("Lemma, to import again (*.json)"), qsTr("Markdown (*.md)"), qsTr("Markdown without thoughts (*.md)")]
    defaultSuffix: selectedNameFilter.index > 0 ? "md" : "json"
    onAccepted: chosen(selectedFile, selectedNameFilter.index)
}
