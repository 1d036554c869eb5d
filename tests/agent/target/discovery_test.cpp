#include "agent/target/discovery.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/agent/target/fake_proc.hpp"

namespace sampan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string kId(64, 'a');
const std::string kOther(64, 'b');
const std::string kUid = "12345678-90ab-cdef-1234-567890abcdef";
const std::string kOtherUid = "99999999-90ab-cdef-1234-567890abcdef";

class DiscoveryTest : public testing::Test {
 protected:
  std::vector<pid_t> pids(const TargetKeys& keys) {
    found_ = Discovery::open(keys, proc_.root())->look();
    std::vector<pid_t> pids;
    for (const Found& one : found_) pids.push_back(one.id.pid);
    return pids;
  }
  FakeProc proc_;
  std::vector<Found> found_;
};

TargetKeys prefix(const char* text) {
  TargetKeys keys;
  keys.procname_prefix = text;
  return keys;
}

TEST_F(DiscoveryTest, AllContainersOfTheNode) {
  proc_.process(10, "/sbin/init");
  proc_.process(2, "");                                        // a kernel thread
  proc_.process(11, "app");
  proc_.container(11, kId, kUid, "web");
  proc_.process(12, "agent");
  proc_.container(12, kOther, kOtherUid, "proxy");
  proc_.put("1/root/var/log/pods/shop_web-1_" + kUid + "/x", "");
  proc_.put("1/root/var/log/pods/kube-system_proxy-2_" + kOtherUid + "/x", "");
  TargetKeys keys;
  keys.selection.all_containers = true;
  EXPECT_THAT(pids(keys), ElementsAre(11, 12));
  EXPECT_EQ(found_[0].container.pod_name, "web-1");
  EXPECT_EQ(found_[0].container.pod_namespace, "shop");
  keys.selection.exclude = {{.pod_namespace = "kube-*"}};
  EXPECT_THAT(pids(keys), ElementsAre(11));
  keys.selection.exclude.clear();
  keys.selection.include = {{.pod = "proxy-?"}, {.container = "none"}};
  EXPECT_THAT(pids(keys), ElementsAre(12));
  keys.selection.include.clear();
  keys.selection.host_processes = true;
  EXPECT_THAT(pids(keys), ElementsAre(10, 11, 12));
}

TEST_F(DiscoveryTest, AllWorkersNotTheMaster) {
  proc_.process(10, "arya-python3-2255_uWSGI master");
  proc_.process(11, "arya-python3-2255_uWSGI worker 1");
  proc_.process(12, "arya-python3-2255_uWSGI worker 2");
  proc_.process(13, "arya-python3-22551_uWSGI worker 1");
  proc_.process(14, "arya-python3-2255_uWSGI worker 9", 100, 1, 'Z');
  proc_.process(15, "");
  TargetKeys keys;
  keys.app_name = "arya-python3";
  keys.version_id = "2255";
  EXPECT_THAT(pids(keys), ElementsAre(11, 12));
  EXPECT_EQ(found_[0].why, "app_name and version_id");
}

TEST_F(DiscoveryTest, CommandLinesWithBlanksNewlinesAndFourKilobytes) {
  proc_.process(10, std::string("my app\0--x\0\0\0", 13));
  proc_.process(11, "my app\nsecond line");
  proc_.process(12, "my app" + std::string(100'000, 'x'));
  EXPECT_THAT(pids(prefix("my app")), ElementsAre(10, 11, 12));
  EXPECT_EQ(found_[0].command_line, std::string("my app\0--x", 10));
  EXPECT_EQ(found_[2].command_line.size(), 4096 + std::string("…").size());   // cut, and says so
  TargetKeys tail;
  tail.cmdline_regex = "--config last$";
  proc_.process(13, "java " + std::string(300'000, 'x') + " --config last");
  EXPECT_THAT(pids(tail), ElementsAre(13));
}

TEST_F(DiscoveryTest, APidWithAllThatItStarts) {
  for (const int pid : {10, 11, 12, 13, 20}) proc_.process(pid, "app " + std::to_string(pid));
  const auto parent = [&](int pid, int of) { proc_.parent(pid, of); };
  parent(11, 10), parent(12, 11), parent(13, 1), parent(20, 13);
  TargetKeys keys;
  keys.pids = {10};
  EXPECT_THAT(pids(keys), ElementsAre(10, 11, 12));
  EXPECT_EQ(found_[0].why, "pid");
  EXPECT_EQ(found_[1].why, "child of pid");
  keys.children = false;
  EXPECT_THAT(pids(keys), ElementsAre(10));

  keys.children = true;
  auto discovery = *Discovery::open(keys, proc_.root());
  discovery.look();
  // A child whose parent ends stays; one that comes is seen; a later process of the pid's number is another.
  proc_.end(11);
  parent(12, 1);
  proc_.process(14, "app 14");
  parent(14, 12);
  const auto numbers = [&] {
    std::vector<pid_t> all;
    for (const Found& one : discovery.look()) all.push_back(one.id.pid);
    return all;
  };
  EXPECT_THAT(numbers(), ElementsAre(10, 12, 14));
  proc_.end(10);
  proc_.process(10, "another", 200);
  EXPECT_THAT(numbers(), ElementsAre(12, 14));
}

TEST_F(DiscoveryTest, KeysTogetherNarrow) {
  proc_.process(10, "app one");
  proc_.process(11, "app two");
  TargetKeys keys = prefix("app");
  keys.cmdline_regex = "t[w]o$";
  EXPECT_THAT(pids(keys), ElementsAre(11));
  keys.pids = {10};
  EXPECT_THAT(pids(keys), IsEmpty());
  keys.pids = {11, 77};
  EXPECT_THAT(pids(keys), ElementsAre(11));
  EXPECT_EQ(found_[0].why, "procname_prefix, cmdline_regex, pid");
}

TEST_F(DiscoveryTest, ASpoofedNameInAnotherContainerDoesNotWin) {
  proc_.process(10, "app-1_uWSGI worker 1");
  proc_.container(10, kId, kUid, "web");
  proc_.process(11, "app-1_uWSGI worker 1");
  proc_.container(11, kOther, kOtherUid, "web");
  for (const int pid : {10, 11}) {
    TargetKeys keys = prefix("app-1_uWSGI");
    (pid == 10 ? keys.container_id : keys.pod_uid) = pid == 10 ? kId : kOtherUid;
    EXPECT_THAT(pids(keys), ElementsAre(pid));
    EXPECT_THAT(found_[0].why, HasSubstr(pid == 10 ? "container_id" : "pod_uid"));
  }
}

TEST_F(DiscoveryTest, ByContainerAlone) {
  proc_.process(10, "python app.py");
  proc_.container(10, kId, kUid, "web");
  proc_.process(11, "nginx");
  proc_.container(11, kOther, kUid, "proxy");
  proc_.process(12, "sshd");
  TargetKeys keys;
  keys.container_id = "containerd://" + kId.substr(0, 12);
  EXPECT_THAT(pids(keys), ElementsAre(10));
  keys = {};
  keys.pod_uid = "12345678_90ab_cdef_1234_567890abcdef";
  EXPECT_THAT(pids(keys), ElementsAre(10, 11));
  keys.container_name = "proxy";
  EXPECT_THAT(pids(keys), ElementsAre(11));
  EXPECT_EQ(found_[0].container.name, "proxy");
}

TEST_F(DiscoveryTest, PodNamesComeFromTheNodesLogFolders) {
  proc_.process(10, "python app.py");
  proc_.container(10, kId, kUid, "web");
  proc_.put("10/root/etc/hostname", "spoofed-name\n");
  proc_.put("1/root/var/log/pods/shop_web-5d4f_" + kUid + "/web/0.log", "");
  TargetKeys keys;
  keys.pod_name = "web-5d4f";
  EXPECT_THAT(pids(keys), ElementsAre(10));
  keys.pod_namespace = "shop";
  EXPECT_THAT(pids(keys), ElementsAre(10));
  keys.pod_namespace = "other";
  EXPECT_THAT(pids(keys), IsEmpty());
  keys = {};
  keys.pod_name = "spoofed-name";
  EXPECT_THAT(pids(keys), IsEmpty());
}

TEST_F(DiscoveryTest, ATargetsOwnFilesNameNoPod) {
  proc_.process(10, "python app.py");
  proc_.container(10, kId, kUid, "web");
  proc_.put("10/root/etc/hostname", "web-5d4f\n");
  proc_.put("10/root/var/run/secrets/kubernetes.io/serviceaccount/namespace", "shop");
  TargetKeys keys;
  keys.pod_name = "web-5d4f";
  keys.pod_namespace = "shop";
  EXPECT_THAT(pids(keys), IsEmpty());
  EXPECT_THAT(Discovery::open(keys, proc_.root())->why_none(), HasSubstr("name pod_uid or container_id"));
  proc_.put("1/root/var/log/pods/shop_other_" + kOtherUid + "/web/0.log", "");
  EXPECT_THAT(pids(keys), IsEmpty());
  EXPECT_THAT(Discovery::open(keys, proc_.root())->why_none(), Not(HasSubstr("name pod_uid")));
}

TEST_F(DiscoveryTest, TheLogFoldersOfAPodsOwnInitAreItsTenants) {
  proc_.put("self/cgroup", "0::/\n");
  proc_.put("self/mountinfo", "36 35 98:0 /var/lib/kubelet/pods/" + kUid + "/etc-hosts /etc/hosts rw - ext4 /dev/x rw\n");
  proc_.process(1, "/app/server");
  proc_.put("1/cgroup", "0::/../cri-containerd-" + kId + ".scope\n");
  proc_.put("1/root/var/log/pods/shop_victim_" + kUid + "/web/0.log", "");
  TargetKeys keys;
  keys.pod_name = "victim";
  EXPECT_THAT(pids(keys), IsEmpty());
  keys = {};
  keys.pod_uid = kUid;
  EXPECT_THAT(pids(keys), ElementsAre(1));
}

TEST_F(DiscoveryTest, AClaimBelowATenantsOwnLevelSelectsNothingAndTheSentenceSaysSo) {
  proc_.process(10, "python app.py");
  proc_.put("10/cgroup", "0::/kubepods/pod" + kUid + "/" + kId + "/pod" + kOtherUid + "/" + kOther + "\n");
  for (const bool by_pod : {false, true}) {
    TargetKeys keys;
    (by_pod ? keys.pod_uid : keys.container_id) = by_pod ? kOtherUid : kOther;
    EXPECT_THAT(pids(keys), IsEmpty());
    EXPECT_THAT(Discovery::open(keys, proc_.root())->why_none(), HasSubstr("process 10 says so only below the control group of container aaaaaaaaaaaa"));
  }
}

TEST_F(DiscoveryTest, TheNodesWordGoesBeforeAUsersEngine) {
  proc_.process(10, "podman's");
  proc_.put("10/cgroup", "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId + ".scope/container\n");
  TargetKeys keys;
  keys.container_id = kId;
  EXPECT_THAT(pids(keys), ElementsAre(10));
  EXPECT_EQ(found_[0].why, "container_id (as the engine of user 1000 says)");
  proc_.process(11, "docker's");
  proc_.put("11/cgroup", "0::/system.slice/docker-" + kId + ".scope\n");
  EXPECT_THAT(pids(keys), ElementsAre(11));
}

TEST_F(DiscoveryTest, AReusedPidAndAnExecAreOtherPrograms) {
  proc_.process(10, "app 1", 100, 5000);
  auto discovery = *Discovery::open(prefix("app"), proc_.root());
  const Found first = discovery.look().at(0);
  EXPECT_TRUE(discovery.lives(first));
  proc_.process(10, "app 1", 100, 6000);   // exec: another stack
  EXPECT_FALSE(discovery.lives(first));
  EXPECT_FALSE(discovery.look().at(0) == first);
  proc_.process(10, "app 1", 200, 5000);   // another process
  EXPECT_FALSE(discovery.look().at(0) == first);
  proc_.process(10, "app 1", 100, 5000, 'Z');
  EXPECT_FALSE(discovery.lives(first));
  proc_.end(10);
  EXPECT_FALSE(discovery.lives(first));
  EXPECT_THAT(discovery.look(), IsEmpty());
}

TEST_F(DiscoveryTest, AReusedPidIsLookedAtThoughTheOneBeforeWasPassedOver) {
  proc_.process(10, "other", 100);
  auto discovery = *Discovery::open(prefix("app"), proc_.root());
  EXPECT_THAT(discovery.look(), IsEmpty());
  usleep(300'000);
  EXPECT_THAT(discovery.look(), IsEmpty());   // old enough to be passed over for as long again
  proc_.end(10);
  proc_.process(10, "app 1", 200);
  EXPECT_EQ(discovery.look().size(), 1u);
}

TEST_F(DiscoveryTest, NoMatchNamesTheNearestRedacted) {
  proc_.process(10, "arya-python3-2254_uWSGI worker 1");
  proc_.process(11, "something --password=hunter2");
  proc_.process(12, "arya --token hunter2");
  TargetKeys keys;
  keys.app_name = "arya-python3";
  keys.version_id = "2255";
  const std::string text = Discovery::open(keys, proc_.root())->why_none();
  EXPECT_THAT(text, HasSubstr("arya-python3-2255_uWSGI worker"));
  EXPECT_THAT(text, HasSubstr("the nearest: 10 `arya-python3-2254_uWSGI worker 1`, 12 `arya --token ***`"));
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
}

TEST_F(DiscoveryTest, NoMatchSaysThatHostPidIsMissing) {
  std::filesystem::remove_all(proc_.root() + "/2");
  proc_.process(1, "/sampan");
  EXPECT_THAT(Discovery::open(prefix("app"), proc_.root())->why_none(), HasSubstr("hostPID: true"));
}

TEST_F(DiscoveryTest, NonsenseInFilesIsNoMatch) {
  proc_.put("10/cmdline", "app");
  proc_.put("11/cmdline", "app");
  proc_.put("11/stat", "11 app S 1");
  proc_.put("notapid/cmdline", "app");
  EXPECT_THAT(pids(prefix("app")), IsEmpty());
}

}  // namespace
}  // namespace sampan
