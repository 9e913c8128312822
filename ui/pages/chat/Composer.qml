// Where a question is written: text, model, effort, how full the context is, send or stop.
import QtQuick
import Lemma
import QtQuick.Controls.Basic

Rectangle {
    id: root

    required property ChatPageVm vm
    signal openModelRequested

    function focusInput() {
        input.forceActiveFocus();
    }

    implicitHeight: scroller.height + 60
    radius: Theme.composerRadius
    color: Theme.background
    border.color: input.activeFocus ? Theme.accent : Theme.line

    ScrollView {
        id: scroller

        anchors.left: parent.left
        anchors.right: parent.right
        anchors.leftMargin: 4
        anchors.rightMargin: 4
        y: 4
        height: Math.min(200, input.implicitHeight)
        ScrollBar.vertical.policy: ScrollBar.AsNeeded
        ScrollBar.horizontal.policy: ScrollBar.AlwaysOff

        TextArea {
            id: input

            leftPadding: 12
            rightPadding: 12
            topPadding: 8
            bottomPadding: 4
            wrapMode: TextEdit.Wrap
            textFormat: TextEdit.PlainText
            placeholderText: qsTr("Ask a question")
            placeholderTextColor: Theme.secondInk
            color: Theme.ink
            selectionColor: Theme.selection
            selectedTextColor: Theme.ink
            font.family: Theme.bodyFamily
            font.pixelSize: Theme.textSize
            background: null
            focus: true
            Accessible.role: Accessible.EditableText
            Accessible.name: qsTr("Question")
            Accessible.multiLine: true

            onTextChanged: root.vm.draft = text
            Keys.onReturnPressed: event => send(event)
            Keys.onEnterPressed: event => send(event)
            Keys.onTabPressed: nextItemInFocusChain(true).forceActiveFocus(Qt.TabFocusReason)
            Keys.onBacktabPressed: nextItemInFocusChain(false).forceActiveFocus(Qt.BacktabFocusReason)

            function send(event) {
                event.accepted = !(event.modifiers & Qt.ShiftModifier);
                if (event.accepted)
                    root.vm.send();
            }
        }
    }
    Row {
        anchors.left: parent.left
        anchors.leftMargin: 12
        anchors.bottom: parent.bottom
        anchors.bottomMargin: 10
        spacing: 8

        Pill {
            id: modelPill

            width: Math.min(implicitWidth, root.width * 0.36)
            text: root.vm.model.name
            explanation: root.vm.model.description
            Accessible.name: qsTr("Model: %1").arg(root.vm.model.name)
            onClicked: modelMenu.item ? modelMenu.item.popup(modelPill, 0, -modelMenu.item.height - 6)
                                      : modelMenu.active = true
        }
        Pill {
            id: effortPill

            text: root.vm.effortText
            explanation: qsTr("How long the model may think before it answers")
            onClicked: effortMenu.item ? effortMenu.item.popup(effortPill, 0, -effortMenu.item.height - 6)
                                       : effortMenu.active = true
        }
    }
    Row {
        anchors.right: parent.right
        anchors.rightMargin: 10
        anchors.bottom: parent.bottom
        anchors.bottomMargin: 8
        spacing: 14

        ContextMeter {
            anchors.verticalCenter: parent.verticalCenter
            visible: text !== "" && root.width > 520
            text: root.vm.contextText
            explanation: root.vm.contextExplanation
            fraction: root.vm.contextFraction
        }
        SendButton {
            square: root.vm.generating
            enabled: root.vm.generating || root.vm.canSend
            text: root.vm.generating ? qsTr("Stop") : qsTr("Send")
            onClicked: root.vm.generating ? root.vm.stop() : root.vm.send()
        }
    }
    // Menus are made when they are first asked for: the first frame does not wait for them.
    Loader {
        id: modelMenu

        active: false
        source: "ModelMenu.qml"
        onLoaded: {
            item.model = root.vm.model;
            item.openRequested.connect(root.openModelRequested);
            item.popup(modelPill, 0, -item.height - 6);
        }
    }
    Loader {
        id: effortMenu

        active: false
        source: "EffortMenu.qml"
        onLoaded: {
            item.vm = root.vm;
            item.popup(effortPill, 0, -item.height - 6);
        }
    }
    Connections {
        target: root.vm

        function onDraftChanged() {
            if (input.text !== root.vm.draft)
                input.text = root.vm.draft;
        }
    }
}
