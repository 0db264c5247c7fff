package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Help, version and `devices`: what a stranger looks at first.
class HelpTest {

  @ParameterizedTest
  @ValueSource(strings = {"--help", "-h"})
  void namesEveryCommandAndTheExitCodes(String option) {
    MoeRun run = MoeRun.of(option).fine();
    assertThat(run.out())
        .contains("verify", "explain", "inspect", "run", "bench", "tune", "route-stats", "demo")
        .contains("devices")
        .contains("Examples:", "Exit codes:");
    assertThat(run.err()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "verify, DIR --backend --alias --precision --sanitize --json",
    "explain, DIR --layers --tokens --alias --format",
    "inspect, DIR|FILE --json",
    "run, DIR --layer --input --output",
    "bench, DIR --preset --layers --tokens --alias --precision --backend --json --html",
    "route-stats, DIR --input --output --layers",
    "tune, DIR --preset --layers --tokens --weights --device --seconds --output --json",
  })
  void namesTheOptionsAndGivesExamples(String command, String options) {
    MoeRun run = MoeRun.of(command, "--help").fine();
    assertThat(run.out())
        .startsWith("Usage: moe " + command)
        .contains(options.split(" "))
        .contains("Examples:", "\n  moe " + command + " ");
    assertThat(run.err()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"demo", "devices"})
  void commandsWithoutOptionsHaveHelpToo(String command) {
    assertThat(MoeRun.of(command, "--help").fine().out()).startsWith("Usage: moe " + command);
  }

  @ParameterizedTest
  @ValueSource(strings = {"--version", "-V"})
  void versionNamesProgramAndJava(String option) {
    MoeRun run = MoeRun.of(option).fine();
    assertThat(run.out()).startsWith("moe ").contains("Java " + Runtime.version());
    assertThat(run.err()).isEmpty();
  }

  @Test
  void devicesSaysHowToGetTheBackendThatThisBuildDoesNotHave() {
    assertThat(MoeRun.of("devices").fine().out())
        .contains("\ntornado    not there: this build has no TornadoVM backend; it is built where")
        .contains("sdk install tornadovm");
  }

  @Test
  void devicesListsBackendsAndWhatIsMissing() {
    MoeRun run = MoeRun.of("devices").fine();
    assertThat(run.out())
        .containsPattern("(?m)^cpu +available .*auto")
        .containsPattern("(?m)^reference +available")
        .containsPattern("(?m)^tornado +")
        .contains("threads");
    assertThat(run.err()).isEmpty();
  }
}
