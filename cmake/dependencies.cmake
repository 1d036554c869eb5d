# Debian's static archives. Sanitizer builds take the same archives, linked dynamically to libc.
set(ZLIB_USE_STATIC_LIBS ON)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)

# Debian's libfmt has no static archive: one generated translation unit compiles it.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/fmt_static.cpp CONTENT [[
#include <fmt/format-inl.h>
FMT_BEGIN_NAMESPACE
namespace detail {
template FMT_API auto dragonbox::to_decimal(float) noexcept -> dragonbox::decimal_fp<float>;
template FMT_API auto dragonbox::to_decimal(double) noexcept -> dragonbox::decimal_fp<double>;
template FMT_API locale_ref::locale_ref(const std::locale&);
template FMT_API auto locale_ref::get<std::locale>() const -> std::locale;
template FMT_API auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref) -> char;
template FMT_API void buffer<char>::append(const char*, const char*);
template FMT_API void vformat_to(buffer<char>&, string_view,
    basic_format_args<FMT_BUFFER_CONTEXT(char)>, locale_ref);
}
FMT_END_NAMESPACE
]] @ONLY)
add_library(fmt_static STATIC ${CMAKE_BINARY_DIR}/generated/fmt_static.cpp)

function(static_archives target)
  add_library(${target} INTERFACE)
  foreach(name IN LISTS ARGN)
    find_library(archive_${name} NAMES lib${name}.a REQUIRED)
    target_link_libraries(${target} INTERFACE ${archive_${name}})
  endforeach()
endfunction()

# What debug information names is a target's to choose: libdw opens files by samplers/symbols/libdw_files.cpp alone. The
# second name is nobody's: what would need it does not link.
find_library(archive_dw_plain NAMES libdw.a REQUIRED)
set(archive_dw ${CMAKE_BINARY_DIR}/generated/libdw.a CACHE FILEPATH "" FORCE)
execute_process(COMMAND ${CMAKE_OBJCOPY} --redefine-sym open=sampan_open_for_libdw --redefine-sym fopen=sampan_no_fopen_for_libdw
  ${archive_dw_plain} ${archive_dw} COMMAND_ERROR_IS_FATAL ANY)

# libdw needs the compression libraries that .debug sections may use.
static_archives(elf_static dw bpf elf lzma bz2 zstd z iberty)
static_archives(re2_static re2)
static_archives(seccomp_static seccomp)

# Debian's libcurl.a wants Kerberos and LDAP archives that do not exist: cmake/curl.sh builds an
# HTTP-only one from Debian's source package, once, into the cache folder.
set(SAMPAN_CACHE $ENV{SAMPAN_CACHE})
if(NOT SAMPAN_CACHE)
  set(SAMPAN_CACHE $ENV{HOME}/.cache/sampan)
endif()
set(CURL_PREFIX ${SAMPAN_CACHE}/curl-static)
if(CMAKE_CROSSCOMPILING)
  string(APPEND CURL_PREFIX -${CMAKE_SYSTEM_PROCESSOR})
  set(ENV{CMAKE_TOOLCHAIN_FILE} ${CMAKE_TOOLCHAIN_FILE})
endif()
if(NOT EXISTS ${CURL_PREFIX}/lib/libcurl.a)
  execute_process(COMMAND sh ${CMAKE_SOURCE_DIR}/cmake/curl.sh ${CURL_PREFIX} COMMAND_ERROR_IS_FATAL ANY)
endif()
static_archives(tls_static ssl crypto z)
# Nothing is thrown through OpenSSL: without its unwind tables the binary is a twentieth smaller.
foreach(name ssl crypto)
  set(slim ${CMAKE_BINARY_DIR}/generated/lib${name}.a)
  execute_process(COMMAND ${CMAKE_OBJCOPY} --remove-section=.eh_frame ${archive_${name}} ${slim} COMMAND_ERROR_IS_FATAL ANY)
  list(APPEND slim_tls ${slim})
endforeach()
set_target_properties(tls_static PROPERTIES INTERFACE_LINK_LIBRARIES "${slim_tls};${archive_z}")
add_library(curl_static INTERFACE)
target_include_directories(curl_static SYSTEM INTERFACE ${CURL_PREFIX}/include)
target_compile_definitions(curl_static INTERFACE CURL_STATICLIB)
target_link_libraries(curl_static INTERFACE ${CURL_PREFIX}/lib/libcurl.a tls_static)
