# Joins the viewer's parts into one script with a scope of its own, without comments and indentation.
# cmake -D OUT=file -D PARTS="a.js;b.js" -P viewer.cmake
set(script "(()=>{'use strict';\n")
foreach(part IN LISTS PARTS)
  file(READ "${part}" text)
  string(APPEND script "${text}")
endforeach()
string(APPEND script "})();\n")
string(REGEX REPLACE "\n[ \t]*//[^\n]*" "" script "${script}")
string(REGEX REPLACE "\n[ \t]+" "\n" script "${script}")
string(REGEX REPLACE "\n\n+" "\n" script "${script}")
file(WRITE "${OUT}" "${script}")
