package dev.tornadomoe.examples.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MainTest {
  private static final String NAME = "qwen3_moe_tiny-w4a16";
  private static final Path TINY = Golden.MODELS.resolve(NAME);

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @Test
  void writesTheTokensThatTransformersWrites() {
    Golden golden = Golden.read(NAME);
    assertThat(run(TINY.toString(), "--prompt-ids", ids(golden.prompt()), "--tokens", "32"))
        .isZero();
    assertThat(out.toString().strip().split(" "))
        .isEqualTo(Arrays.stream(golden.greedy()).mapToObj(String::valueOf).toArray());
    assertThat(err.toString()).contains("prompt: 24 tokens").contains("32 new tokens");
  }

  /// A tokenizer with a word for each of the tiny model's tokens; reading it downloads nothing.
  @Test
  void takesAndWritesTextWhereThereIsATokenizer(@TempDir Path directory) throws IOException {
    try (var files = Files.list(TINY)) {
      for (Path file : files.toList()) {
        Files.copy(file, directory.resolve(file.getFileName()));
      }
    }
    Files.writeString(
        directory.resolve("tokenizer.json"),
        """
        {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
         "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
         "model": {"type": "WordLevel", "unk_token": "w0", "vocab": {VOCABULARY}}}
        """
            .replace(
                "VOCABULARY",
                IntStream.range(0, 320)
                    .mapToObj(i -> "\"w" + i + "\": " + i)
                    .collect(Collectors.joining(", "))));
    Golden golden = Golden.read(NAME);
    String prompt =
        Arrays.stream(golden.prompt()).mapToObj(i -> "w" + i).collect(Collectors.joining(" "));
    try (Text text = new Text(directory)) {
      assertThat(text.encode("w3 ".repeat(1000))).hasSize(1000).containsOnly(3);
    }
    assertThat(run(directory.toString(), "--prompt", prompt, "--tokens", "5"))
        .as(err::toString)
        .isZero();
    assertThat(out.toString().strip())
        .isEqualTo(
            Arrays.stream(golden.greedy())
                .limit(5)
                .mapToObj(i -> "w" + i)
                .collect(Collectors.joining(" ")));
  }

  @Test
  void saysWhatIsWrongInOneSentence(@TempDir Path directory) throws IOException {
    assertThat(refusal()).isEqualTo("no model: give its directory, or --made-up");
    assertThat(refusal(directory.toString(), "--prompt-ids", "1")).contains("no config.json");
    assertThat(refusal(TINY.toString())).isEqualTo("give a prompt, as --prompt or as --prompt-ids");
    assertThat(refusal(TINY.toString(), "--prompt", "words")).contains("--prompt-ids 1,2,3");
    assertThat(refusal(TINY.toString(), "--prompt-ids", "1,320"))
        .isEqualTo("token 320 is not in the vocabulary, expected 0 to 319");
    assertThat(refusal(TINY.toString(), "--prompt-ids", "1", "--tokens", "256"))
        .isEqualTo("prompt and --tokens are more than the model's 256 positions");
    assertThat(refusal(TINY.toString(), "--prompt-ids", "x")).contains("--prompt-ids");
    assertThat(refusal(TINY.toString(), "--prompt-ids", "1", "--alias", "maybe"))
        .contains("'--alias'")
        .contains("'maybe'");
    assertThat(refusal(TINY.toString(), "--prompt-ids", "1", "--backend", "gpu"))
        .isEqualTo("--backend must be cpu, or tornado for examples/decoder/run, found gpu");
    assertThat(refusal("--made-up", "gpt-17", TINY.toString()))
        .isEqualTo("--made-up has its own model");
    assertThat(refusal(TINY.toString(), "--prompt-ids", "1", "--prompt", "words"))
        .isEqualTo("give --prompt or --prompt-ids, not both");
    assertThat(refusal(TINY.toString(), "--prompt-ids", "1", "--layers", "1"))
        .isEqualTo("--layers is for --made-up");
    assertThat(refusal("--made-up", "gpt-17"))
        .isEqualTo("there is qwen3-30b-a3b, with 1 to 48 layers");
    String config = Files.readString(TINY.resolve("config.json"));
    Files.writeString(directory.resolve("config.json"), config.replace("qwen3_moe", "mixtral"));
    Files.copy(TINY.resolve("model.safetensors"), directory.resolve("model.safetensors"));
    assertThat(refusal(directory.toString(), "--prompt-ids", "1"))
        .endsWith("config.json: \"model_type\" must be \"qwen3_moe\", found \"mixtral\"");
    Files.writeString(directory.resolve("config.json"), config.replace("\"default\"", "\"yarn\""));
    assertThat(refusal(directory.toString(), "--prompt-ids", "1"))
        .endsWith("config.json: \"rope_type\" must be \"default\", found \"yarn\"");
    Files.writeString(directory.resolve("config.json"), config);
    Files.writeString(directory.resolve("tokenizer.json"), "{}");
    assertThat(refusal(directory.toString(), "--prompt", "words"))
        .contains("tokenizer.json: can't be read as a tokenizer");
  }

  private String refusal(String... arguments) {
    err.getBuffer().setLength(0);
    assertThat(run(arguments)).isEqualTo(2);
    String said = err.toString();
    assertThat(said).startsWith("decoder: ").endsWith(System.lineSeparator());
    assertThat(said.strip().lines()).as(said).hasSize(1);
    return said.strip().substring("decoder: ".length());
  }

  private int run(String... arguments) {
    return Main.command("cpu", CpuDecoder::new)
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(arguments);
  }

  private static String ids(int... ids) {
    return Arrays.stream(ids).mapToObj(String::valueOf).collect(Collectors.joining(","));
  }
}
