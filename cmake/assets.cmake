# Constant bytes that are embedded: one line a file.
embed_bytes(agent params_schema_json agent/params.schema.json)
embed_bytes(agent ca_bundle_pem /etc/ssl/certs/ca-certificates.crt)
embed_bytes(agent events_schema_json agent/events.schema.json)
set(viewer ${CMAKE_SOURCE_DIR}/flamegraph/viewer)
set(viewer_parts ${viewer}/data.js ${viewer}/view.js ${viewer}/chart.js ${viewer}/search.js ${viewer}/panels.js
    ${viewer}/keys.js ${viewer}/main.js)
set(viewer_script ${CMAKE_BINARY_DIR}/generated/viewer.js)
add_custom_command(OUTPUT ${viewer_script} DEPENDS ${viewer_parts} ${CMAKE_SOURCE_DIR}/cmake/viewer.cmake VERBATIM
  COMMAND ${CMAKE_COMMAND} -D OUT=${viewer_script} "-DPARTS=${viewer_parts}" -P ${CMAKE_SOURCE_DIR}/cmake/viewer.cmake)
embed_bytes(flamegraph viewer_js ${viewer_script})
embed_bytes(flamegraph viewer_css ${viewer}/viewer.css)

# Prints what a Content-Security-Policy names so that a picture's script and style may run.
add_custom_target(csp_hashes DEPENDS ${viewer_script} VERBATIM
  COMMAND sh ${CMAKE_SOURCE_DIR}/cmake/csp_hashes.sh ${viewer_script} ${viewer}/viewer.css)
