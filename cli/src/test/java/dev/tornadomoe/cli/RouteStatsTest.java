package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.io.StrictJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What `route-stats` counts, and what is said of placements where there is no device.
class RouteStatsTest {
  private static final Path CHECKPOINT = Golden.directory("hf/deepseek_v2");
  private static final int TOKENS = 40;

  @TempDir private Path directory;

  @Test
  void eachRowCountsForItsExperts() {
    Path input = directory.resolve("hidden.safetensors");
    MoeRun.of("run", CHECKPOINT, "--layer=1", "--sample-input", input, "--tokens=" + TOKENS).fine();
    Path stats = directory.resolve("stats.json");
    MoeRun run = MoeRun.of("route-stats", CHECKPOINT, "--input", input, "--output", stats).fine();
    assertThat(run.err()).contains("counts of 2 layers");
    Map<?, ?> chosen = (Map<?, ?>) StrictJson.readObject(stats).get("experts_chosen");
    assertThat(chosen.keySet()).map(String::valueOf).containsExactly("0", "1");
    for (Object counts : chosen.values()) {
      List<?> ofLayer = (List<?>) counts;
      assertThat(ofLayer).hasSize(16);
      assertThat(ofLayer.stream().mapToInt(count -> (Integer) count).sum()).isEqualTo(TOKENS * 4);
      assertThat(ofLayer).allMatch(count -> (Integer) count <= TOKENS);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "--backend=cpu --device-memory=8GiB; --device-memory is for --backend tornado; backend"
            + " \"cpu\"",
        "--backend=cpu --placement=FILE; --placement is for --backend tornado or --parallel ep; ",
        "--backend=cpu --prefill=stream; --prefill is for --backend tornado; backend \"cpu\"",
        "--device-memory=8GB; --device-memory: expected a size as in 512MiB or 8GiB, found 8GB",
        "--backend=cpu --device-memory=1MiB --experts=fused; --experts fused: --device-memory and",
      })
  void saysWhatPlacementsAreFor(String options, String sentence) throws IOException {
    Path file = Files.writeString(directory.resolve("p.json"), "{\"experts_on_device\": [0]}");
    String line = options.replace("FILE", file.toString());
    MoeRun run =
        MoeRun.of(
            Stream.concat(Stream.of("verify", CHECKPOINT), Arrays.stream(line.split(" ")))
                .toArray());
    assertThat(run.exit()).isEqualTo(2);
    assertThat(run.err()).contains(sentence);
  }
}
