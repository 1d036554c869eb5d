# bpf_skeleton(target file.bpf.c): compiles the program and generates <file>.skel.h for `target`.
find_program(BPF_CLANG NAMES clang-14 clang REQUIRED)
find_program(BPFTOOL bpftool PATHS /usr/sbin REQUIRED)
function(bpf_skeleton target source)
  get_filename_component(path ${source} ABSOLUTE)
  get_filename_component(name ${source} NAME_WE)
  set(dir ${CMAKE_BINARY_DIR}/generated/bpf)
  file(MAKE_DIRECTORY ${dir})
  set(object ${dir}/${name}.bpf.o)
  set(skeleton ${dir}/${name}.skel.h)
  add_custom_command(OUTPUT ${skeleton}
    COMMAND ${BPF_CLANG} -target bpf -D__TARGET_ARCH_x86 -O2 -g -Wall -Werror -I${CMAKE_SOURCE_DIR}
            -I/usr/include/x86_64-linux-gnu -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.
            -MD -MF ${object}.d -MT ${skeleton} -c ${path} -o ${object}
    COMMAND ${BPFTOOL} gen skeleton ${object} name ${name} > ${skeleton}
    DEPENDS ${path} DEPFILE ${object}.d COMMENT "BPF ${name}" VERBATIM)
  target_sources(${target} PRIVATE ${skeleton})
  target_include_directories(${target} SYSTEM PRIVATE ${dir})
endfunction()
