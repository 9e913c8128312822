// The blocks of an answer, one delegate a kind.
import QtQuick
import Qt.labs.qmlmodels

Column {
    id: root

    required property var blocks
    signal linkChosen(string link)
    signal copyRequested(string text)

    Repeater {
        model: root.blocks
        delegate: DelegateChooser {
            role: "kind"

            DelegateChoice {
                roleValue: "paragraph"

                ParagraphBlock {
                    width: root.width
                    onLinkChosen: link => root.linkChosen(link)
                }
            }
            DelegateChoice {
                roleValue: "heading"

                HeadingBlock {
                    width: root.width
                    onLinkChosen: link => root.linkChosen(link)
                }
            }
            DelegateChoice {
                roleValue: "code"

                CodeBlock {
                    width: root.width
                    onCopyRequested: text => root.copyRequested(text)
                }
            }
            DelegateChoice {
                roleValue: "table"

                TableBlock {
                    width: root.width
                    onLinkChosen: link => root.linkChosen(link)
                }
            }
            DelegateChoice {
                roleValue: "rule"

                RuleBlock {
                    width: root.width
                }
            }
        }
    }
}
