package dev.tornadomoe.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.OperatingSystemMXBean;
import dev.tornadomoe.cli.Golden;
import dev.tornadomoe.cli.MoeRun;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What `bench` refuses, and that it does so before it begins.
class BenchRefusalTest {
  private static final Path CHECKPOINT = Golden.directory("hf/qwen2_moe");

  @TempDir private Path directory;

  @ParameterizedTest
  @CsvSource({
    "--preset nonsense, 'qwen3-30b-a3b, qwen3.5-35b-a3b, mixtral-8x7b, deepseek-v3, gpt-oss-20b'",
    "--preset qwen3-30b-a3b --layers 0, --layers",
    "--preset qwen3-30b-a3b --layers -1, --layers",
    "--preset qwen3-30b-a3b --layers 1000000000, --layers",
    "--preset qwen3-30b-a3b --weights int3, --weights",
    "CHECKPOINT --preset qwen3-30b-a3b, --preset",
    "CHECKPOINT --weights bf16, --weights is for made-up weights",
    "CHECKPOINT --weights int4, --weights is for made-up weights",
    "CHECKPOINT --layers 99, '--layers must be 1 to 2, the MoE layers of CHECKPOINT, found 99'",
    "CHECKPOINT --layers 0, --layers",
    "CHECKPOINT --alias nonsense, nonsense",
    "CHECKPOINT --tokens 0, --tokens",
    "'CHECKPOINT --tokens 1,-5', --tokens",
    "'CHECKPOINT --tokens 1,x', --tokens",
    "CHECKPOINT --tokens 2000000000, 2000000000",
    "CHECKPOINT --seconds 0, --seconds",
    "CHECKPOINT --seconds -1, --seconds",
    "CHECKPOINT --seconds NaN, --seconds",
    "CHECKPOINT --experts nonsense, nonsense",
    "CHECKPOINT --experts batched --alias require, BATCHED_FORMAT",
    "CHECKPOINT --backend nonsense, 'cpu, reference'",
    "CHECKPOINT --backend tornado, tornado",
    "CHECKPOINT --backend reference --precision fast, --precision exact",
    "no/such/directory, no/such/directory",
  })
  void refusesWhatCanNotBeMeasured(String options, String expected) {
    MoeRun run = bench(options);
    assertThat(run.refusal()).contains(expected.replace("CHECKPOINT", CHECKPOINT.toString()));
    assertThat(run.out()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "., it is a directory",
    "missing/report.html, there is no directory",
    "'', the name of the file to be written is empty",
  })
  void refusesAPageThatCanNotBeWrittenBeforeItMeasures(String page, String expected) {
    String file = page.isEmpty() ? "" : directory.resolve(page).toString();
    MoeRun run = MoeRun.of("bench", CHECKPOINT, "--html", file);
    assertThat(run.refusal()).contains(expected);
    assertThat(run.out()).isEmpty();
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void refusesAModelWithoutMoeLayers() {
    Path checkpoint = Golden.copy("hf/qwen2_moe", directory);
    Golden.editConfig(checkpoint, "\"mlp_only_layers\": []", "\"mlp_only_layers\": [0, 1]");
    assertThat(MoeRun.of("bench", checkpoint).refusal())
        .isEqualTo(checkpoint + ": the model has no MoE layers");
  }

  /// Each layer has 256 routed experts and a shared one, of 3 matrices of 7168 x 2048, and a BF16
  /// router of 256 x 7168. An element takes 16 bits, or 4 and its share of a BF16 scale for 32.
  @ParameterizedTest
  @CsvSource({"bf16, 1.3 TiB, 1000", "int4, 362 GiB, 300"})
  void tellsHowMuchMemoryIsMissingBeforeItTakesAny(String weights, String needed, long gigabytes) {
    long installed =
        ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
    assumeTrue(installed < gigabytes << 30, "this machine has the memory");
    MoeRun run = bench("--preset deepseek-v3 --layers 61 --weights " + weights);
    assertThat(run.refusal()).contains("61 layers", "needs " + needed, "available");
    assertThat(run.out()).isEmpty();
    assertThat(run.err().lines()).hasSize(1);
  }

  private static MoeRun bench(String options) {
    String line = "bench " + options.replace("CHECKPOINT", CHECKPOINT.toString());
    return MoeRun.of((Object[]) line.split(" +"));
  }
}
