# What `cmake --install` puts where. DESTDIR and --prefix work as usual; meant for --prefix /usr. What programs that link
# Tinkerbell need is a component of its own: `--component dev`.
set(TINKERBELL_CONFIG_DIR /etc/tinkerbell CACHE PATH "Where the daemon looks for its config")

foreach(program tinkerbelld tinkerbell)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()
if(TARGET tinkerbell-shim)  # nobody calls it by hand
  install(TARGETS tinkerbell-shim RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/tinkerbell)
endif()

install(DIRECTORY include/tinkerbell TYPE INCLUDE COMPONENT dev)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/tinkerbell)
install(EXPORT tinkerbell NAMESPACE tinkerbell:: FILE targets.cmake DESTINATION ${package} COMPONENT dev)
install(FILES cmake/Package.cmake RENAME tinkerbell-config.cmake DESTINATION ${package} COMPONENT dev)
install(FILES cmake/Needs.cmake DESTINATION ${package} COMPONENT dev)
include(CMakePackageConfigHelpers)
write_basic_package_version_file(tinkerbell-config-version.cmake COMPATIBILITY ExactVersion)
install(FILES ${PROJECT_BINARY_DIR}/tinkerbell-config-version.cmake DESTINATION ${package} COMPONENT dev)

# A config that somebody may have edited is never replaced.
install(CODE "
  if(NOT EXISTS \"\$ENV{DESTDIR}${TINKERBELL_CONFIG_DIR}/tinkerbell.toml\")
    file(INSTALL \"${CMAKE_SOURCE_DIR}/config/tinkerbell.toml\" DESTINATION \"${TINKERBELL_CONFIG_DIR}\")
  endif()")

# tinkerbell_install_unit(FILE DIRECTORY): the units in the source are those of /usr.
function(tinkerbell_install_unit unit directory)
  file(READ ${CMAKE_SOURCE_DIR}/systemd/${unit} text)
  string(REPLACE "=/usr/bin/" "=${CMAKE_INSTALL_FULL_BINDIR}/" text "${text}")
  string(REPLACE "file:/usr/share/doc/tinkerbell/" "file:${CMAKE_INSTALL_FULL_DOCDIR}/" text "${text}")
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/systemd/${unit} CONTENT "${text}" @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/systemd/${unit} DESTINATION lib/systemd/${directory})
endfunction()
tinkerbell_install_unit(tinkerbelld.service system)
tinkerbell_install_unit(tinkerbelld.socket system)
tinkerbell_install_unit(user/tinkerbelld.service user)
install(FILES systemd/sysusers.conf DESTINATION lib/sysusers.d RENAME tinkerbell.conf)
install(FILES systemd/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME tinkerbell.conf)

file(GLOB documents CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/*.md)
install(FILES README.md CHANGELOG.md LICENSE ${documents} TYPE DOC)
install(DIRECTORY docs/examples TYPE DOC USE_SOURCE_PERMISSIONS)
