# What `cmake --install build/release --prefix DIR` puts where: programs, menu entry, icon, AppStream description, notices.
# The file names are the application id, by which a desktop finds entry, icon and window of the same program.
include(GNUInstallDirs)
set(LEMMA_APP_ID org.lemma.Lemma)
set(LEMMA_RELEASE_DATE 2026-11-23)  # of PROJECT_VERSION

if(TARGET lemma-cli)
  install(TARGETS lemma-cli)
endif()
if(TARGET lemma)
  set(metainfo ${CMAKE_BINARY_DIR}/generated/${LEMMA_APP_ID}.metainfo.xml)
  configure_file(${CMAKE_SOURCE_DIR}/installer/${LEMMA_APP_ID}.metainfo.xml.in ${metainfo} @ONLY)
  install(TARGETS lemma)
  install(FILES installer/${LEMMA_APP_ID}.desktop DESTINATION ${CMAKE_INSTALL_DATADIR}/applications)
  install(FILES ${metainfo} DESTINATION ${CMAKE_INSTALL_DATADIR}/metainfo)
  install(FILES resources/icons/lemma.svg RENAME ${LEMMA_APP_ID}.svg
    DESTINATION ${CMAKE_INSTALL_DATADIR}/icons/hicolor/scalable/apps)
endif()
install(FILES LICENSE THIRD_PARTY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
