# Constant bytes that are embedded: one line a file.
embed_bytes(agent params_schema_json agent/params.schema.json)
# Mozilla's authorities as the package holds them. /etc/ssl/certs holds the build machine's own too, which must not ship.
set(ca_bundle ${CMAKE_BINARY_DIR}/generated/ca_bundle.pem.gz)
add_custom_command(OUTPUT ${ca_bundle} DEPENDS /var/lib/dpkg/info/ca-certificates.list VERBATIM
  COMMAND LC_ALL=C sh -c "cat /usr/share/ca-certificates/mozilla/*.crt | gzip -9n > $1" sh ${ca_bundle})
embed_bytes(agent ca_bundle_pem_gz ${ca_bundle})
embed_bytes(agent events_schema_json agent/events.schema.json)
set(viewer ${CMAKE_SOURCE_DIR}/flamegraph/viewer)
set(viewer_parts ${viewer}/data.js ${viewer}/time.js ${viewer}/view.js ${viewer}/fold.js ${viewer}/chart.js ${viewer}/search.js
    ${viewer}/panels.js ${viewer}/strip.js ${viewer}/gauges.js ${viewer}/window.js ${viewer}/keys.js ${viewer}/main.js)
set(viewer_script ${CMAKE_BINARY_DIR}/generated/viewer.js)
add_custom_command(OUTPUT ${viewer_script} DEPENDS ${viewer_parts} ${CMAKE_SOURCE_DIR}/cmake/viewer.cmake VERBATIM
  COMMAND ${CMAKE_COMMAND} -D OUT=${viewer_script} "-DPARTS=${viewer_parts}" -P ${CMAKE_SOURCE_DIR}/cmake/viewer.cmake)
embed_bytes(flamegraph viewer_js ${viewer_script})
set(viewer_style ${CMAKE_BINARY_DIR}/generated/viewer.css)
add_custom_command(OUTPUT ${viewer_style} VERBATIM
  DEPENDS ${viewer}/viewer.css ${CMAKE_SOURCE_DIR}/flamegraph/kinds.def ${CMAKE_SOURCE_DIR}/cmake/style.cmake
  COMMAND ${CMAKE_COMMAND} -D OUT=${viewer_style} -D STYLE=${viewer}/viewer.css
    -D KINDS=${CMAKE_SOURCE_DIR}/flamegraph/kinds.def -P ${CMAKE_SOURCE_DIR}/cmake/style.cmake)
embed_bytes(flamegraph viewer_css ${viewer_style})

# Prints what a Content-Security-Policy names so that a picture's script and style may run.
add_custom_target(csp_hashes DEPENDS ${viewer_script} ${viewer_style} VERBATIM
  COMMAND sh ${CMAKE_SOURCE_DIR}/cmake/csp_hashes.sh ${viewer_script} ${viewer_style})
