#!/bin/sh
# Real Java applications in $SAMPAN_CACHE/java-apps, from Maven Central by Maven: clinic.jar, a web application on Spring
# Boot, and lang3, the sources of Apache Commons Lang with all that a build of them needs (`mvn -o`).
set -eu
cd "$(dirname "$0")"
apps=${SAMPAN_CACHE:-$HOME/.cache/sampan}/java-apps
mkdir -p "$apps"
exec 9> "$apps/.lock"
flock 9                                  # one at a time
command -v mvn > /dev/null || { echo "SKIP: Java applications: mvn is not installed"; exit 1; }
maven() { mvn -q -B -ntp -Dmaven.repo.local="$apps/m2" "$@"; }

key=$(cat $(find ../workloads/java/clinic ../workloads/java/lang3.xml -type f | sort) get_java_apps.sh | sha256sum | cut -c 1-16)
[ "$(cat "$apps/key" 2>/dev/null)" != "$key" ] || exit 0
rm -rf "$apps/clinic" "$apps/lang3"
cp -r ../workloads/java/clinic "$apps/clinic"
maven -f "$apps/clinic/pom.xml" package
mkdir "$apps/lang3"
cp ../workloads/java/lang3.xml "$apps/lang3/pom.xml"
maven -f "$apps/lang3/pom.xml" initialize   # unpacks the sources
maven -f "$apps/lang3/pom.xml" compile
echo "$key" > "$apps/key"
