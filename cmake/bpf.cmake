# bpf_object(file.bpf.c out): compiles a BPF program; `out` is its object's path.
find_program(BPF_CLANG NAMES clang-14 clang REQUIRED)
find_program(BPFTOOL bpftool PATHS /usr/sbin REQUIRED)
set(bpf_dir ${CMAKE_BINARY_DIR}/generated/bpf)
file(MAKE_DIRECTORY ${bpf_dir})
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  set(bpf_target arm64)
else()
  set(bpf_target x86)
endif()
if(CMAKE_CROSSCOMPILING)
  set(bpf_headers /usr/${CMAKE_LIBRARY_ARCHITECTURE}/include)
else()
  set(bpf_headers /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
endif()
function(bpf_object source out)
  get_filename_component(path ${source} ABSOLUTE)
  get_filename_component(name ${source} NAME_WE)
  set(object ${bpf_dir}/${name}.bpf.o)
  add_custom_command(OUTPUT ${object}
    COMMAND ${BPF_CLANG} -target bpf -D__TARGET_ARCH_${bpf_target} -O2 -g -Wall -Werror -I${CMAKE_SOURCE_DIR}
            -I${bpf_headers} -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.
            -MD -MF ${object}.d -MT ${object} -c ${path} -o ${object}.debug
    COMMAND ${BPFTOOL} gen object ${object} ${object}.debug   # without DWARF: BTF is all that a kernel wants
    DEPENDS ${path} DEPFILE ${object}.d COMMENT "BPF ${name}" VERBATIM)
  set(${out} ${object} PARENT_SCOPE)
endfunction()

# bpf_skeleton(target file.bpf.c): <file>.skel.h for `target`.
function(bpf_skeleton target source)
  bpf_object(${source} object)
  get_filename_component(name ${source} NAME_WE)
  set(skeleton ${bpf_dir}/${name}.skel.h)
  add_custom_command(OUTPUT ${skeleton} COMMAND ${BPFTOOL} gen skeleton ${object} name ${name} > ${skeleton}
    DEPENDS ${object} VERBATIM)
  target_sources(${target} PRIVATE ${skeleton})
  target_include_directories(${target} SYSTEM PRIVATE ${bpf_dir})
endfunction()

# bpf_walk(target file.bpf.c): a runtime's own walk, embedded as `extern const char <file>_kernel_walk[]`, `…_end[]`.
function(bpf_walk target source)
  bpf_object(${source} object)
  get_filename_component(name ${source} NAME_WE)
  embed_bytes(${target} ${name}_kernel_walk ${object})
endfunction()
