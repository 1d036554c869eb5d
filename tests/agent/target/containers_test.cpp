#include "agent/contract/container_ids.hpp"
#include "agent/target/containers.hpp"

#include <gmock/gmock.h>
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
  const Container container = NodeView().container_of(GetParam().cgroup);
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
    Form{"podman_monitor", "0::/machine.slice/libpod-conmon-" + kId + ".scope\n", "", ""},
    Form{"podman_pod", "0::/machine.slice/machine-libpod_pod_" + kOuter + ".slice/libpod-" + kId + ".scope/container\n", kId, ""},
    Form{"podman_pod_cgroupfs", "0::/libpod_parent/" + kOuter + "/libpod-" + kId + "\n", kId, ""},
    Form{"ecs", "0::/ecs/0123456789abcdef0123456789abcdef/" + kId + "\n", kId, ""},
    Form{"nerdctl", "0::/system.slice/nerdctl-" + kId + ".scope\n", kId, ""},
    Form{"of_another_container_node", "0::/docker/" + kOuter + "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod" + kUidScored + ".slice/cri-containerd-" + kId + ".scope\n", kOuter, ""},
    Form{"v1_hierarchies_that_differ", "4:memory:/docker/" + kId + "\n3:pids:/docker/" + kOuter + "\n", "", ""},
    Form{"lxc_machine", "0::/lxc.payload.web/kubepods/pod" + kUid + "/" + kId + "\n", "", ""},
    Form{"users_own_pod", "0::/user.slice/user-1000.slice/user@1000.service/kubepods/pod" + kUid + "/" + kId + "\n", kId, ""},
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

const std::string kPod = "kubepods-burstable-pod" + kUidScored + ".slice";
const std::string kVictim = "99999999-90ab-cdef-1234-567890abcdef";
const std::string kVictimsPod = "kubepods-pod99999999_90ab_cdef_1234_567890abcdef.slice/cri-containerd-" + kOuter + ".scope";

std::string mount(const std::string& source, const std::string& place) {
  return "36 35 98:0 " + source + " " + place + " rw,noatime master:1 - ext4 /dev/root rw\n";
}
std::string log_of(const std::string& uid, const std::string& name) {
  return mount("/var/lib/kubelet/pods/" + uid + "/containers/" + name + "/5a3f", "/dev/termination-log");
}

TEST(Nodes, ATenantsOwnControlGroupsAreClaims) {
  const std::string own = "/kubepods.slice/" + kPod + "/cri-containerd-" + kId + ".scope";
  for (const std::string& below : {"/" + kVictimsPod, "/pod" + kVictim, "/init/" + kVictimsPod + "/x"}) {
    for (const std::string seen_from : {"", "/../../.."}) {
      const Container container = NodeView().container_of("0::" + seen_from + own + below + "\n");
      EXPECT_EQ(container.id, kId) << below;
      EXPECT_EQ(container.pod_uid, kUid) << below;
      EXPECT_THAT(container.claims, testing::Contains(kVictim)) << below;
    }
  }
}

TEST(Nodes, AUsersOwnControlGroupsNameItsContainersButNoPods) {
  const std::string user = "0::/user.slice/user-1000.slice/user@1000.service/";
  EXPECT_EQ(NodeView().container_of(user + "user.slice/libpod-" + kId + ".scope/container\n"), (Container{kId, "", "", "user 1000"}));
  const Container claiming = NodeView().container_of(user + kVictimsPod + "\n");
  EXPECT_EQ(claiming.pod_uid, "");
  EXPECT_THAT(claiming.claims, testing::ElementsAre(kVictim));
}

TEST(Nodes, AnAgentInANestedNodeSeesThatNodesPods) {
  for (const std::string& outer : {"/docker/" + kOuter, std::string("/user.slice/user-1000.slice/user@1000.service/k3s-rootless.scope"), "/machine.slice/libpod-" + kOuter + ".scope/container",
                                  "/kubepods/pod" + kVictim + "/" + kOuter, std::string("/lxc.payload.node1")}) {
    const std::string agent = "0::" + outer + "/kubelet/kubepods/pod" + kVictim + "/" + std::string(64, 'a') + "\n";
    const Container container = NodeView(agent, "").container_of("0::" + outer + "/kubelet/kubepods/besteffort/pod" + kUid + "/" + kId + "/" + kVictimsPod + "\n");
    EXPECT_EQ(container.id, kId) << outer;
    EXPECT_EQ(container.pod_uid, kUid) << outer;
    EXPECT_EQ(container.owner, "") << outer;
    EXPECT_THAT(container.claims, testing::Contains(kVictim)) << outer;
  }
}

TEST(Nodes, EachHierarchyHasItsOwnLevelAboveTheAgent) {
  const NodeView node("4:memory:/docker/" + kOuter + "/kubepods/pod" + kVictim + "/" + std::string(64, 'a') + "\n1:name=systemd:/kubepods/pod" + kVictim + "/" + std::string(64, 'a') + "\n", "");
  const Container container = node.container_of("4:memory:/docker/" + kOuter + "/kubepods/pod" + kUid + "/" + kId + "\n1:name=systemd:/kubepods/pod" + kUid + "/" + kId + "\n");
  EXPECT_EQ(container, (Container{kId, kUid}));
}

TEST(Nodes, ContainersOfTheAgentsOwnPod) {
  const NodeView node("0::/\n", log_of(kUid, "sampan"));
  EXPECT_EQ(node.container_of("0::/../cri-containerd-" + kId + ".scope\n").pod_uid, kUid);
  EXPECT_EQ(node.container_of("0::/../../crio-" + kId + ".scope/container\n").pod_uid, kUid);
  EXPECT_EQ(node.container_of("0::/\n").pod_uid, kUid);
  EXPECT_EQ(node.container_of("0::/../../" + kVictimsPod + "\n").pod_uid, kVictim);
  EXPECT_EQ(node.container_of("0::/../../../system.slice/sshd.service\n").pod_uid, "");
  EXPECT_EQ(NodeView("0::/\n", "").container_of("0::/../docker-" + kId + ".scope\n"), (Container{kId}));
}

TEST(Mountinfo, TheKubeletsLogNamesTheContainerOfAPodThatIsKnown) {
  const std::string in_pod = "0::/kubepods/pod" + kUid + "/" + kId + "\n";
  EXPECT_EQ(NodeView().container_of(in_pod, mount("/", "/") + log_of(kUid, "web")).name, "web");
  EXPECT_EQ(NodeView().container_of(in_pod, mount("/data/k3s/kubelet/pods/" + kUid + "/containers/side-car/0", "/tmp/my-log")).name, "side-car");
  EXPECT_EQ(NodeView().container_of(in_pod, log_of(kVictim, "web")), (Container{kId, kUid}));
  EXPECT_EQ(NodeView().container_of("0::/system.slice/ssh.service\n", log_of(kVictim, "web")), Container{});
}

TEST(Mountinfo, WhatATenantMountsCountsNothing) {
  const std::string in_pod = "0::/kubepods/pod" + kUid + "/" + kId + "\n";
  // In a mount namespace of its own, over the very places of the kubelet and the engines.
  EXPECT_EQ(NodeView().container_of("0::/user.slice/session-3.scope\n", mount("/var/lib/docker/containers/" + kOuter + "/hostname", "/etc/hostname") +
            mount("/pods/" + kVictim + "/containers/web/x", "/dev/termination-log")), Container{});
  const std::string volume = "/var/lib/kubelet/pods/" + kUid + "/volumes/kubernetes.io~empty-dir/v/pods/" + kUid + "/containers/victim/0";
  EXPECT_EQ(NodeView().container_of(in_pod, mount(volume, "/x") + log_of(kUid, "web")).name, "web");
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
