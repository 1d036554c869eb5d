# Compiler and linker flags, in one INTERFACE target that every other target uses.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")

add_library(sampan_flags INTERFACE)
target_include_directories(sampan_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_definitions(sampan_flags INTERFACE SAMPAN_VERSION="${PROJECT_VERSION}" _GNU_SOURCE)
# GCC 12 sees overlaps in std::string that are none (its bug 105329): no -Wrestrict.
target_compile_options(sampan_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> -Wno-restrict
  -fstack-protector-strong -ffunction-sections -fdata-sections
  "-ffile-prefix-map=${CMAKE_SOURCE_DIR}=." -gno-record-gcc-switches
  $<$<BOOL:${SAMPAN_WERROR}>:-Werror>)
target_compile_definitions(sampan_flags INTERFACE _GLIBCXX_ASSERTIONS $<$<CONFIG:Release>:_FORTIFY_SOURCE=3>)
if(SAMPAN_SANITIZE)
  # What these three find, AddressSanitizer's own trap and the fuzzers' build (which has them) find too; they are half of GCC's time.
  target_compile_options(sampan_flags INTERFACE -fsanitize=${SAMPAN_SANITIZE} -fno-sanitize=null,alignment,vptr -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(sampan_flags INTERFACE -fsanitize=${SAMPAN_SANITIZE})
elseif(SAMPAN_FUZZ)
  target_compile_options(sampan_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -Wno-unknown-warning-option -Wno-c99-extensions -Wno-gnu-record-gcc-switches)
  target_link_options(sampan_flags INTERFACE -fsanitize=address,undefined)
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_link_options(sampan_flags INTERFACE -static-pie -Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack,-z,pack-relative-relocs)
endif()
