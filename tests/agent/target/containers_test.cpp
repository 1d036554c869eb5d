#include "agent/contract/container_ids.hpp"
#include "agent/target/containers.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sampan {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kOuter = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
const std::string kUid = "12345678-90ab-cdef-1234-567890abcdef";
const std::string kUidScored = "12345678_90ab_cdef_1234_567890abcdef";
const std::string kStatic = "0123456789abcdef0123456789abcdef";

struct Form {
  const char* name;
  std::string cgroup;
  std::string id, uid;
};

class Cgroup : public testing::TestWithParam<Form> {};

TEST_P(Cgroup, NamesContainerAndPod) {
  const Container container = parse_cgroup(GetParam().cgroup);
  EXPECT_EQ(container.id, GetParam().id);
  EXPECT_EQ(container.pod_uid, GetParam().uid);
}

INSTANTIATE_TEST_SUITE_P(Forms, Cgroup, testing::Values(
    Form{"v2_systemd_burstable", "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kUidScored + ".slice/cri-containerd-" + kId + ".scope\n", kId, kUid},
    Form{"v2_systemd_guaranteed", "0::/kubepods.slice/kubepods-pod" + kUidScored + ".slice/cri-containerd-" + kId + ".scope\n", kId, kUid},
    Form{"v2_systemd_crio", "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + kUidScored + ".slice/crio-" + kId + ".scope\n", kId, kUid},
    Form{"v2_crio_with_suffix", "0::/kubepods.slice/kubepods-pod" + kUidScored + ".slice/crio-" + kId + ".scope/container\n", kId, kUid},
    Form{"v2_systemd_docker_in_pod", "0::/kubepods.slice/kubepods-pod" + kUidScored + ".slice/docker-" + kId + ".scope\n", kId, kUid},
    Form{"cgroupfs_containerd", "0::/kubepods/besteffort/pod" + kUid + "/" + kId + "\n", kId, kUid},
    Form{"cgroupfs_guaranteed", "0::/kubepods/pod" + kUid + "/" + kId + "\n", kId, kUid},
    Form{"cgroupfs_crio", "0::/kubepods/burstable/pod" + kUid + "/crio-" + kId + "\n", kId, kUid},
    Form{"cgroupfs_with_init", "0::/kubepods/burstable/pod" + kUid + "/" + kId + "/init\n", kId, kUid},
    Form{"v1_all_controllers", "12:memory:/kubepods/burstable/pod" + kUid + "/" + kId + "\n11:cpu,cpuacct:/kubepods/burstable/pod" + kUid + "/" + kId + "\n1:name=systemd:/kubepods/burstable/pod" + kUid + "/" + kId + "\n0::/\n", kId, kUid},
    Form{"v1_containerd_service", "5:memory:/system.slice/containerd.service/kubepods-burstable-pod" + kUidScored + ".slice:cri-containerd:" + kId + "\n", kId, kUid},
    Form{"docker_v2", "0::/system.slice/docker-" + kId + ".scope\n", kId, ""},
    Form{"docker_v1", "4:memory:/docker/" + kId + "\n", kId, ""},
    Form{"podman", "0::/machine.slice/libpod-" + kId + ".scope/container\n", kId, ""},
    Form{"kind_nests_two", "0::/docker/" + kOuter + "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod" + kUidScored + ".slice/cri-containerd-" + kId + ".scope\n", kId, kUid},
    Form{"kind_cgroupfs", "0::/docker/" + kOuter + "/kubelet/kubepods/besteffort/pod" + kUid + "/" + kId + "\n", kId, kUid},
    Form{"static_pod", "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kStatic + ".slice/cri-containerd-" + kId + ".scope\n", kId, kStatic},
    Form{"private_namespace_of_others", "0::/../cri-containerd-" + kId + ".scope\n", kId, ""},
    Form{"private_namespace_with_pod", "0::/../../kubepods-pod" + kUidScored + ".slice/cri-containerd-" + kId + ".scope\n", kId, kUid},
    Form{"private_namespace_own", "0::/\n", "", ""},
    Form{"conmon_is_no_container", "0::/kubepods.slice/kubepods-pod" + kUidScored + ".slice/crio-conmon-" + kId + ".scope\n", "", kUid},
    Form{"host_service", "0::/system.slice/ssh.service\n", "", ""},
    Form{"user_session", "0::/user.slice/user-1000.slice/session-3.scope\n", "", ""},
    Form{"too_short", "0::/docker/0123456789ab\n", "", ""},
    Form{"too_long_hex", "0::/docker/a" + kId + "\n", "", ""},
    Form{"upper_case_is_none", "0::/docker/" + std::string(64, 'A') + "\n", "", ""},
    Form{"tenant_made_pod_word", "0::/tripod" + kUid + "/x\n", "", ""},
    Form{"empty", "", "", ""},
    Form{"no_colons", "nonsense", "", ""}),
    [](const auto& form) { return std::string(form.param.name); });

std::string mount(const std::string& source, const std::string& place) {
  return "36 35 98:0 " + source + " " + place + " rw,noatime master:1 - ext4 /dev/root rw\n";
}

TEST(Mountinfo, TheKubeletsMountsNamePodAndContainer) {
  Container container;
  parse_mountinfo(mount("/", "/") + mount("/var/lib/kubelet/pods/" + kUid + "/containers/web/5a3f", "/dev/termination-log"), container);
  EXPECT_EQ(container.pod_uid, kUid);
  EXPECT_EQ(container.name, "web");
}

TEST(Mountinfo, AnotherRootAndAnotherTerminationPath) {
  Container container;
  parse_mountinfo(mount("/data/k3s/kubelet/pods/" + kUid + "/containers/side-car/0", "/tmp/my-log"), container);
  EXPECT_EQ(container.pod_uid, kUid);
  EXPECT_EQ(container.name, "side-car");
}

TEST(Mountinfo, DockersFilesNameTheContainer) {
  Container container;
  parse_mountinfo(mount("/var/lib/docker/containers/" + kId + "/hostname", "/etc/hostname"), container);
  EXPECT_EQ(container.id, kId);
}

TEST(Mountinfo, AVolumesPathIsTheTenantsOwnAndCountsNothing) {
  Container container;
  const std::string other = "99999999-90ab-cdef-1234-567890abcdef";
  parse_mountinfo(mount("/var/lib/kubelet/pods/" + kUid + "/volumes/kubernetes.io~empty-dir/v/pods/" + other + "/containers/victim/0", "/x"), container);
  EXPECT_EQ(container, Container{});
}

TEST(Mountinfo, WhatTheCgroupSaidStands) {
  Container container{kId, kUid, {}};
  parse_mountinfo(mount("/var/lib/docker/containers/" + kOuter + "/hostname", "/etc/hostname"), container);
  EXPECT_EQ(container.id, kId);
}

TEST(ContainerId, IsWrittenInManyWays) {
  EXPECT_EQ(normal_container_id("containerd://" + kId), kId);
  EXPECT_EQ(normal_container_id("cri-o://" + kId), kId);
  EXPECT_EQ(normal_container_id("docker://0123456789AB"), "0123456789ab");
  EXPECT_EQ(normal_container_id("0123456789a"), "");
  EXPECT_EQ(normal_container_id(kId + "0"), "");
  EXPECT_EQ(normal_container_id("web"), "");
}

}  // namespace
}  // namespace sampan
