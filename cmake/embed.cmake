# embed_bytes(target symbol file): the file's bytes as `extern const char symbol[]`, `symbol_end[]`.
function(embed_bytes target symbol file)
  get_filename_component(path ${file} ABSOLUTE)
  set(assembly ${CMAKE_BINARY_DIR}/generated/${symbol}.S)
  file(CONFIGURE OUTPUT ${assembly} CONTENT [[
.section .rodata
.balign 8
.global @symbol@
.global @symbol@_end
@symbol@:
.incbin "@path@"
@symbol@_end:
.byte 0
.section .note.GNU-stack,"",%progbits
]] @ONLY)
  set_source_files_properties(${assembly} PROPERTIES OBJECT_DEPENDS ${path})
  target_sources(${target} PRIVATE ${assembly})
endfunction()
