# What `cmake --install` puts where: programs, the desktop entry, the icon, the AppStream description.
include(GNUInstallDirs)
