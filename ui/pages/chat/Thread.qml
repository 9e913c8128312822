// The rows of a conversation. Follows what is written only while its end is in sight.
import QtQuick
import Lemma
import QtQuick.Controls.Basic
import Qt.labs.qmlmodels

ListView {
    id: root

    required property ChatPageVm vm
    readonly property int side: Math.max(20, (width - Theme.threadWidth) / 2)
    readonly property int columnWidth: width - 2 * side
    property bool followsEnd: true
    readonly property bool held: moving || bar.pressed  // by the person's hand
    signal linkChosen(string link)

    function toEnd() {
        forceLayout();
        positionViewAtEnd();
        followsEnd = true;
    }
    function judge() {
        followsEnd = contentY >= originY + contentHeight - height - 40;
    }
    function page(direction) {
        const least = originY - topMargin;
        const most = Math.max(least, originY + contentHeight + bottomMargin - height);
        contentY = Math.round(Math.max(least, Math.min(most, contentY + direction * height * 0.9)));
        judge();
    }
    function follow() {
        if (followsEnd && !held)
            toEnd();
    }
    function reveal(item) {
        const top = item.mapToItem(contentItem, 0, 0).y;
        if (top < contentY || top + item.height > contentY + height)
            contentY = Math.max(originY, top - height / 3);
    }

    model: vm.messages
    clip: true
    cacheBuffer: 1200
    boundsBehavior: Flickable.StopAtBounds
    topMargin: 22
    bottomMargin: 8
    activeFocusOnTab: false
    reuseItems: false
    Accessible.role: Accessible.List
    Accessible.name: qsTr("Conversation")
    ScrollBar.vertical: ThinScrollBar {
        id: bar
    }

    // Only the person's own scrolling decides; what a growing answer does to the position does not.
    onContentYChanged: {
        if (held)
            judge();
    }
    onHeldChanged: judge()
    onContentHeightChanged: Qt.callLater(follow)
    onHeightChanged: Qt.callLater(follow)

    delegate: DelegateChooser {
        role: "kind"

        DelegateChoice {
            roleValue: "question"

            QuestionPart {
                x: root.side
                width: root.columnWidth
            }
        }
        DelegateChoice {
            roleValue: "notice"

            NoticePart {
                x: root.side
                width: root.columnWidth
            }
        }
        DelegateChoice {
            roleValue: "waiting"

            WaitingPart {
                x: root.side
                width: root.columnWidth
            }
        }
        DelegateChoice {
            roleValue: "think"

            ThinkPart {
                required property int index
                required property string messageId

                x: root.side
                width: root.columnWidth
                onToggled: root.vm.messages.togglePanel(index)
                onCopyRequested: root.vm.copyThought(messageId)
                onAnswerNowRequested: root.vm.answerNow()
            }
        }
        DelegateChoice {
            roleValue: "answer"

            AnswerPart {
                x: root.side
                width: root.columnWidth
                onLinkChosen: link => root.linkChosen(link)
                onCopyRequested: text => root.vm.copyText(text)
            }
        }
        DelegateChoice {
            roleValue: "error"

            ErrorPart {
                required property string messageId

                x: root.side
                width: root.columnWidth
                busy: root.vm.generating || root.vm.model.state !== "ready"
                onBuiltinFormatRequested: root.vm.answerInBuiltinFormat(messageId)
            }
        }
        DelegateChoice {
            roleValue: "footer"

            FooterPart {
                required property string messageId

                x: root.side
                width: root.columnWidth
                busy: root.vm.generating
                onCopyRequested: root.vm.copyAnswer(messageId)
                onRegenerateRequested: root.vm.regenerate(messageId)
                onContinueRequested: root.vm.continueAnswer(messageId)
                onVersionRequested: step => root.vm.showVersion(messageId, step)
            }
        }
    }
}
