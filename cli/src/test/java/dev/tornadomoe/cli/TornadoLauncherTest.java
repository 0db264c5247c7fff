package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The launcher script and TornadoVM: which SDK it takes, for which commands, and what it says of
/// one that can't work.
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "the launcher is a bash script")
class TornadoLauncherTest {
  private static final String VERSION = "5.2.1-jdk25";
  private static final String SDKMAN = "user/.sdkman/candidates/tornadovm/current";

  @TempDir private Path directory;
  private LauncherHome home;
  private final Map<String, String> environment = new HashMap<>();

  @BeforeEach
  void make() throws IOException {
    home = LauncherHome.make(directory.toRealPath());
    home.kernels(VERSION);
    environment.put("JAVA_HOME", home.jdk(25).toString());
    home.program("bin/mvn", "printf '%s ' \"$@\" >\"$HOME/mvn\"");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "devices",
        "inspect x",
        "--trace devices",
        "tune --preset qwen3-30b-a3b",
        "verify x --backend tornado",
        "verify --backend=tornado x",
        "bench --backend tornado --layers 1"
      })
  void startsWithTheArgfileWhatMayUseADevice(String command) throws Exception {
    Path sdk = home.sdk(SDKMAN, VERSION);
    MoeRun run = moe(command.split(" ")).fine();
    assertThat(run.out())
        .startsWith(String.format(Locale.ROOT, "jdk-25\n[@%s/tornado-argfile]\n", sdk))
        .contains("[--add-modules]\n[jdk.incubator.vector]\n")
        .contains(
            String.format(
                Locale.ROOT,
                "[-cp]\n"
                    + "[%1$s/cli/target/tornado-moe-cli.jar:%1$s/tornado-kernels/target/tornado-moe-tornado-kernels.jar:%1$s/cli/target/lib/*]\n",
                home.file("checkout/moe").getParent()))
        .contains("[dev.tornadomoe.cli.Main]\n");
    assertThat(run.err()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "demo",
        "verify x",
        "verify devices",
        "verify tune",
        "verify x --backend cpu",
        "verify tornado --backend reference",
        "bench --backend=cpu",
        "--version"
      })
  void startsAnythingElseWithoutTheArgfile(String command) throws Exception {
    home.sdk(SDKMAN, "4.0.0-jdk21"); // of no interest to them
    environment.put("TORNADOVM_HOME", "/no/such/sdk");
    MoeRun run = moe(command.split(" ")).fine();
    assertThat(run.out()).doesNotContain("argfile").contains("[-jar]\n");
    assertThat(run.err()).isEmpty();
  }

  @Test
  void startsWithoutTheArgfileWhereThereIsNoSdk() throws Exception {
    MoeRun run = moe("devices").fine();
    assertThat(run.out()).doesNotContain("argfile").endsWith("[devices]\n");
    assertThat(run.err()).isEmpty();
  }

  @Test
  void prefersTornadovmHome() throws Exception {
    home.sdk(SDKMAN, VERSION);
    Path mine = home.sdk("my sdk", VERSION);
    environment.put("TORNADOVM_HOME", mine.toString());
    assertThat(moe("devices").fine().out())
        .contains(String.format(Locale.ROOT, "[@%s/tornado-argfile]\n", mine));
  }

  /// Of two values Java takes the last, and the backend sets only what is not set.
  @Test
  void whatTheUserSetsComesAfterTheArgfile() throws Exception {
    home.sdk(SDKMAN, VERSION);
    environment.put("MOE_JAVA_OPTS", "-Dtornado.max.events=64 -Dtornado.recover.bailout=True");
    String out = moe("devices").fine().out();
    assertThat(out)
        .containsSubsequence(
            "argfile]\n",
            "[-Dtornado.max.events=64]\n[-Dtornado.recover.bailout=True]\n",
            "[-cp]\n")
        .containsOnlyOnce("tornado.max.events");
  }

  /// The JVM keeps its signal handlers where the JDK's own library is loaded before the driver.
  @Test
  @EnabledOnOs(value = OS.LINUX, disabledReason = "the variable belongs to Linux's loader")
  void chainsSignalHandlersWhereADeviceMayBeUsed() throws Exception {
    home.sdk(SDKMAN, VERSION);
    String name = "libjsig.so";
    Path library = home.file("jdk-25/lib/" + name);
    home.program("jdk-25/bin/java", "echo \"[$LD_PRELOAD]\"");
    assertThat(moe("devices").fine().out()).isEqualTo("[]\n");

    Path real = Path.of(System.getProperty("java.home"), "lib", name);
    Files.copy(real, library);
    assertThat(moe("devices").fine().out()).isEqualTo("[" + library + "]\n");
    assertThat(moe("demo").fine().out()).isEqualTo("[]\n");
    environment.put("LD_PRELOAD", real.toString());
    assertThat(moe("devices").fine().out()).isEqualTo("[" + library + ":" + real + "]\n");
  }

  @Test
  void tornadovmHomeThatPointsAtNothingIsRefused() throws Exception {
    home.sdk(SDKMAN, VERSION); // never taken instead
    environment.put("TORNADOVM_HOME", "/no/such/sdk");
    assertThat(refusal())
        .isEqualTo(
            "there is no tornado-argfile in /no/such/sdk (TORNADOVM_HOME); expected a TornadoVM SDK"
                + " (sdk install tornadovm)");
  }

  @ParameterizedTest
  @ValueSource(strings = {SDKMAN, "mine"})
  void anSdkWithoutArgfileIsRefused(String place) throws Exception {
    Path sdk = home.sdk(place, VERSION);
    Files.delete(sdk.resolve("tornado-argfile"));
    if (!place.equals(SDKMAN)) {
      environment.put("TORNADOVM_HOME", sdk.toString());
    }
    assertThat(refusal()).startsWith("there is no tornado-argfile in " + sdk);
  }

  @ParameterizedTest
  @ValueSource(strings = {"5.2.1-jdk21", "6.0.0", "4.0.1-dev"})
  void anSdkForAnotherJdkIsRefused(String version) throws Exception {
    Path sdk = home.sdk(SDKMAN, version);
    assertThat(refusal())
        .startsWith(
            String.format(
                Locale.ROOT,
                "the TornadoVM SDK in %s is version %s, expected one for JDK 25",
                sdk,
                version));
  }

  @Test
  void anSdkThatWasMovedIsRefused() throws Exception {
    Path sdk = home.sdk("before", VERSION);
    Path after = Files.move(sdk, home.file("after"));
    environment.put("TORNADOVM_HOME", after.toString());
    assertThat(refusal())
        .isEqualTo(
            String.format(
                Locale.ROOT,
                "%s/tornado-argfile names %s/lib, which is not there: the TornadoVM SDK was moved;"
                    + " install it again",
                after,
                sdk));
  }

  @Test
  void anotherSdkThanTheJarWasBuiltForIsSaidAndBuiltFor() throws Exception {
    Path sdk = home.sdk(SDKMAN, "5.3.0-jdk25");
    // Maven compiles again only what is not there.
    home.program(
        "bin/mvn",
        String.format(
            Locale.ROOT,
            "cd tornado-kernels; [[ ! -e target/classes ]] || exit 1; mkdir -p '%1$s'; cat"
                + " '%2$s/etc/tornado.release' >'%1$s/tornado.release'",
            home.file(LauncherHome.KERNELS_RELEASE).getParent(),
            sdk));
    assertThat(moe("demo").fine().err()).isEmpty();
    assertThat(moe("devices").fine().err())
        .isEqualTo(
            String.format(
                Locale.ROOT,
                "moe: building (the jar was built for TornadoVM %s, the SDK in %s is"
                    + " 5.3.0-jdk25)\n",
                VERSION,
                sdk));
    assertThat(moe("devices").fine().err()).isEmpty();
  }

  @Test
  void buildsTheBackendWhereItIsMissing() throws Exception {
    home.sdk(SDKMAN, VERSION);
    Files.delete(home.file("checkout/tornado-kernels/target/tornado-moe-tornado-kernels.jar"));
    assertThat(moe("demo").fine().err()).isEmpty();
    assertThat(moe("devices").fine().err()).startsWith("moe: building");
    assertThat(home.file("user/mvn")).content().contains("cli,tornado-kernels");
  }

  /// What the script says of an SDK, for both kinds of commands that take one.
  private String refusal() throws IOException, InterruptedException {
    String sentence = moe("devices").refusal();
    assertThat(moe("verify", "x", "--backend", "tornado").refusal()).isEqualTo(sentence);
    return sentence;
  }

  private MoeRun moe(String... arguments) throws IOException, InterruptedException {
    return home.run(home.file("checkout/moe"), environment, arguments);
  }
}
