# tinkerbell_plant(PATCH MUTATED): a copy of the source that PATCH names, with the bug in it. MUTATED is set to its path.
# A patch that does not fit any more ends the build, so that none is left out in silence. The copy's object must come
# before the room's library in a program, so that the library's own is not taken.
function(tinkerbell_plant patch mutated)
  get_filename_component(name ${patch} NAME_WE)
  file(STRINGS ${patch} head LIMIT_COUNT 1)
  string(REGEX REPLACE "^--- a/" "" path "${head}")
  set(copy ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  add_custom_command(
    OUTPUT ${copy}
    COMMAND patch --quiet --output ${copy} ${PROJECT_SOURCE_DIR}/${path} ${patch}
    DEPENDS ${PROJECT_SOURCE_DIR}/${path} ${patch}
    COMMENT "Planting a bug: ${name}")
  set(${mutated} ${copy} PARENT_SCOPE)
endfunction()
