// The window: sidebar and chat page side by side, the sidebar over the page where there is no room.
import QtQuick
import Lemma
import QtQuick.Controls.Basic

Window {
    id: root

    required property WindowVm vm
    readonly property bool narrow: width < Theme.overlayBelow
    property bool sidebarWanted: true
    property bool overlayOpen: false
    readonly property bool sidebarShown: narrow ? overlayOpen : sidebarWanted

    function toggleSidebar() {
        if (narrow)
            overlayOpen = !overlayOpen;
        else
            sidebarWanted = !sidebarWanted;
        if (!sidebarShown)
            page.focusComposer();
    }
    function openModel() {
        if (openDialog.item)
            openDialog.item.open();
        else
            openDialog.active = true;
    }

    // As designed, where the screen has room beside the window's frame.
    width: Math.min(1360, Screen.width, Screen.desktopAvailableWidth)
    height: Math.min(860, Math.min(Screen.height, Screen.desktopAvailableHeight) - 32)
    minimumWidth: 360
    minimumHeight: 400
    visible: true
    title: vm.chat.title !== "" ? qsTr("%1 \u2013 Lemma").arg(vm.chat.title) : qsTr("Lemma")
    color: Theme.background

    Component.onCompleted: page.focusComposer()

    Item {
        id: frame

        anchors.fill: parent
        LayoutMirroring.enabled: root.vm.rightToLeft
        LayoutMirroring.childrenInherit: true

        ChatPage {
            id: page

            anchors.top: parent.top
            anchors.bottom: parent.bottom
            anchors.right: parent.right
            anchors.left: parent.left
            anchors.leftMargin: root.narrow ? 0 : sidebar.width + sidebar.offset
            vm: root.vm.chat
            sidebarShown: root.sidebarShown && !root.narrow
            onSidebarRequested: root.toggleSidebar()
            onOpenModelRequested: root.openModel()
            onLinkChosen: link => {
                linkDialog.link = link;
                linkDialog.active = true;
            }
        }
        Rectangle {
            anchors.fill: parent
            visible: root.narrow && root.overlayOpen
            color: Theme.scrim

            TapHandler {
                onTapped: root.overlayOpen = false
            }
        }
        Sidebar {
            id: sidebar

            property real offset: root.sidebarShown ? 0 : -width

            anchors.top: parent.top
            anchors.bottom: parent.bottom
            anchors.left: parent.left
            anchors.leftMargin: offset
            width: Math.min(Theme.sidebarWidth, root.width - 56)
            visible: offset > -width
            enabled: root.sidebarShown
            vm: root.vm.sidebar
            model: root.vm.model
            onHideRequested: root.toggleSidebar()

            Behavior on offset {
                NumberAnimation {
                    duration: Theme.calm
                    easing.type: Easing.OutCubic
                }
            }
        }
    }
    Instantiator {
        model: root.vm.actions
        delegate: Shortcut {
            required property string actionId
            required property string shortcut
            required property bool available

            sequence: shortcut
            enabled: available
            context: Qt.WindowShortcut
            onActivated: root.vm.actions.run(actionId)
        }
    }
    Shortcut {
        sequence: "PgUp"
        onActivated: page.scrollPage(-1)
    }
    Shortcut {
        sequence: "PgDown"
        onActivated: page.scrollPage(1)
    }
    Connections {
        target: root.vm.sidebar

        function onExportRequested(conversationId) {
            exportDialog.conversationId = conversationId;
            exportDialog.active = false;
            exportDialog.active = true;
        }
        function onImportRequested() {
            importDialog.active = false;
            importDialog.active = true;
        }
    }
    Connections {
        target: root.vm

        function onFoldSidebarRequested() {
            root.toggleSidebar();
        }
        function onOpenModelRequested() {
            root.openModel();
        }
        function onFocusComposerRequested() {
            if (root.narrow)
                root.overlayOpen = false;
            page.focusComposer();
        }
        function onFocusSidebarRequested() {
            if (!root.sidebarShown)
                root.toggleSidebar();
            sidebar.focusList();
        }
        function onShowShortcutsRequested() {
            shortcuts.active = true;
        }
        function onSalvaged(what, keptFile) {
            salvageDialog.what = what;
            salvageDialog.keptFile = keptFile;
            salvageDialog.active = true;
        }
        function onCloseRequested() {
            root.close();
        }
    }
    // Rarely needed, so made when asked for.
    Loader {
        id: openDialog

        active: false
        source: "OpenModelDialog.qml"
        onLoaded: {
            item.chosen.connect(file => root.vm.model.open(file));
            item.open();
        }
    }
    Loader {
        id: exportDialog

        property string conversationId

        active: false
        source: "ExportDialog.qml"
        onLoaded: {
            item.suggest(root.vm.sidebar.exportName(conversationId));
            item.chosen.connect((file, format) => root.vm.sidebar.exportTo(conversationId, file, format));
            item.open();
        }
    }
    Loader {
        id: importDialog

        active: false
        source: "ImportDialog.qml"
        onLoaded: {
            item.chosen.connect(file => root.vm.sidebar.importFrom(file));
            item.open();
        }
    }
    Loader {
        id: linkDialog

        property string link

        anchors.fill: parent
        active: false
        source: "LinkDialog.qml"
        onLoaded: {
            item.link = link;
            item.copyRequested.connect(() => root.vm.chat.copyText(link));
            item.closed.connect(() => linkDialog.active = false);
            item.open();
        }
    }
    Loader {
        id: salvageDialog

        property string what
        property string keptFile

        anchors.fill: parent
        active: false
        source: "SalvageDialog.qml"
        onLoaded: {
            item.what = Qt.binding(() => what);
            item.keptFile = Qt.binding(() => keptFile);
            item.copyRequested.connect(() => root.vm.chat.copyText(keptFile));
            item.closed.connect(() => salvageDialog.active = false);
            item.open();
        }
    }
    Loader {
        id: shortcuts

        anchors.fill: parent
        active: false
        source: "ShortcutsDialog.qml"
        onLoaded: {
            item.actions = root.vm.actions;
            item.closed.connect(() => shortcuts.active = false);
            item.open();
        }
    }
    Binding {
        target: Theme
        property: "dark"
        value: root.vm.appearance.dark
    }
    Binding {
        target: Theme
        property: "reducedMotion"
        value: root.vm.appearance.reducedMotion
    }
    Binding {
        target: Theme
        property: "highContrast"
        value: root.vm.appearance.highContrast
    }
    Binding {
        target: Theme
        property: "bodyFamily"
        value: root.vm.bodyFamily
    }
    Binding {
        target: Theme
        property: "codeFamily"
        value: root.vm.codeFamily
    }
}
