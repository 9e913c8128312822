// Text of a model: selectable, styled by ranges, plain by format. Links are asked about, never followed by themselves.
import QtQuick
import Lemma

TextEdit {
    id: root

    property alias content: formatter.content
    property alias lineHeight: formatter.lineHeight
    signal linkChosen(string link)

    readOnly: true
    selectByMouse: true
    selectByKeyboard: true
    activeFocusOnTab: false
    textFormat: TextEdit.PlainText
    wrapMode: TextEdit.Wrap
    color: Theme.ink
    selectionColor: Theme.selection
    selectedTextColor: color
    font.family: Theme.bodyFamily
    font.pixelSize: Theme.answerSize
    Accessible.role: Accessible.StaticText
    // Not the TextEdit's own text, which does not tell when the document was filled behind its back.
    Accessible.name: formatter.text
    Accessible.readOnly: true

    SpanFormatter {
        id: formatter

        document: root.textDocument
        codeFamily: Theme.codeFamily
        codeBackground: Theme.inlineCode
        linkColor: Theme.accent
    }
    HoverHandler {
        id: hover

        readonly property string link: hovered ? formatter.linkAt(root.positionAt(point.position.x, point.position.y))
                                               : ""
        cursorShape: link !== "" ? Qt.PointingHandCursor : Qt.IBeamCursor
    }
    TapHandler {
        onTapped: point => {
            const link = formatter.linkAt(root.positionAt(point.position.x, point.position.y));
            if (link !== "" && root.selectedText === "")
                root.linkChosen(link);
        }
    }
}
