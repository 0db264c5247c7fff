package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `verify` with several directories, and with ones that are no checkpoints.
class VerifyDirectoriesTest {
  private static final Path GOOD = Golden.directory("hf/mixtral");
  private static final Path GOOD_TOO = Golden.directory("w4a16/mixtral-awq_g64");

  @TempDir private Path directory;

  @Test
  void reportsSeveralInTheOrderGiven() {
    MoeRun run = MoeRun.of("verify", GOOD_TOO, GOOD, "--json").fine();
    assertThat(run.objects("cases").stream().map(found -> found.get("checkpoint")).distinct())
        .containsExactly(GOOD_TOO.toString(), GOOD.toString());
  }

  @Test
  void aBadOneAmongGoodOnesLeavesTheGoodOnesReported() throws IOException {
    Path bad = Golden.copy("hf/olmoe", directory);
    Files.delete(bad.resolve("model.safetensors"));
    MoeRun run = MoeRun.of("verify", GOOD, bad, GOOD_TOO, "--json");
    assertThat(run.refusal()).startsWith(bad + ": ").contains("model.safetensors");
    assertThat(run.objects("cases"))
        .hasSize(6 + 3)
        .allSatisfy(found -> assertThat(found).containsEntry("pass", true))
        .extracting(found -> found.get("checkpoint"))
        .containsOnly(GOOD.toString(), GOOD_TOO.toString());
  }

  @Test
  void eachBadOneHasItsOwnSentence() {
    MoeRun run = MoeRun.of("verify", directory.resolve("one"), GOOD, directory.resolve("two"));
    assertThat(run.exit()).isEqualTo(2);
    assertThat(run.err().lines()).hasSize(2).allMatch(line -> line.startsWith("moe: " + directory));
    assertThat(run.out()).contains("6 cases, 6 passed, 0 failed");
  }

  @Test
  void nothingIsSummedUpWhereNothingRan() {
    MoeRun run = MoeRun.of("verify", directory.resolve("one"));
    assertThat(run.refusal()).startsWith(directory.resolve("one").toString());
    assertThat(run.out()).isEmpty();
    assertThat(MoeRun.of("verify", directory.resolve("one"), "--json").objects("cases")).isEmpty();
  }

  @Test
  void wrongInputOutweighsAFailedCase() {
    Path failing = Golden.copy("hf/olmoe", directory);
    Golden.rewrite(
        failing.resolve("golden.safetensors"),
        tensor ->
            tensor.name().endsWith("output")
                ? Golden.tensor(
                    tensor.name(),
                    new float[(int) tensor.shape().elements()],
                    tensor.shape().dimension(0),
                    tensor.shape().dimension(1))
                : tensor);
    assertThat(MoeRun.of("verify", failing).exit()).isEqualTo(1);
    assertThat(MoeRun.of("verify", failing, directory.resolve("nothing")).exit()).isEqualTo(2);
  }

  @Test
  void anAtSignBeginsAPathLikeAnyOther() {
    assertThat(MoeRun.of("verify", "@" + directory).refusal()).startsWith("@" + directory + ": ");
  }

  @Test
  void aBackendThatIsNotThereIsOneSentenceForAllDirectories() {
    String refusal = MoeRun.of("verify", GOOD, GOOD_TOO, "--backend", "tornado").refusal();
    assertThat(refusal).contains("\"tornado\"");
  }

  @Test
  void findsShardsThroughTheIndex() throws IOException {
    new DemoCheckpoint(directory).write();
    assertThat(directory.resolve("model.safetensors")).doesNotExist();
    MoeRun.of("verify", directory).fine();
    Files.delete(directory.resolve("model-00002-of-00002.safetensors"));
    assertThat(MoeRun.of("verify", directory).refusal())
        .contains("model-00002-of-00002.safetensors", "model.layers.47.mlp.gate");
  }
}
