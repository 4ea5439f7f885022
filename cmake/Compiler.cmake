# How every line of ours is compiled: warnings, cache, linker. Libraries are SYSTEM and stay silent.

add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wcast-qual -Wformat=2 -Wextra-semi -Wmissing-declarations
  -Wimplicit-fallthrough)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # A designated initializer names what differs from the defaults; the rest is meant to be left out.
  add_compile_options(-Wno-missing-designated-field-initializers)
  add_compile_options(-Wmismatched-tags -Wthread-safety "SHELL:-Xclang -fno-pch-timestamp")
endif()
if(TINKERBELL_WERROR)
  add_compile_options(-Werror)
endif()

find_program(LLD_LINKER NAMES ld.lld-19 ld.lld)
if(LLD_LINKER AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_link_options(--ld-path=${LLD_LINKER})
endif()
add_link_options(-Wl,--gc-sections -Wl,--as-needed)
add_compile_options(-ffunction-sections -fdata-sections)

# Precompiled headers and ccache go together only when the cache may look past their time stamps.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${CCACHE_PROGRAM})
endif()
