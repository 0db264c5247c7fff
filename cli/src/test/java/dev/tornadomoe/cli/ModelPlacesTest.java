package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.tensor.TensorView;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.jr.ob.JSON;

/// Golden checkpoints moved to where other tools keep models, and what is no model.
class ModelPlacesTest {
  private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({
    "internvl_chat, llm_config, language_model.",
    "ovis2_5, llm_config, llm.",
    "deepseek_vl_v2, language_config, language.",
  })
  void aLanguageModelInAMultimodalOne(String type, String object, String prefix)
      throws IOException {
    Path checkpoint = Golden.copy("hf/qwen3_moe", directory);
    Path config = checkpoint.resolve("config.json");
    Files.writeString(
        config,
        String.format(
            Locale.ROOT,
            "{\"model_type\": \"%s\", \"vision_config\": {\"hidden_size\": 5}, \"%s\": %s}",
            type,
            object,
            Files.readString(config)));
    rename(checkpoint.resolve("model.safetensors"), "model.", prefix + "model.");
    assertVerified(checkpoint);
  }

  @ParameterizedTest
  @CsvSource({"block_sparse_moe", "feed_forward"})
  void mistralsOwnLayout(String block) throws IOException {
    Path checkpoint = Golden.copy("hf/mixtral", directory);
    Path tensors = checkpoint.resolve("consolidated.safetensors");
    Files.move(checkpoint.resolve("model.safetensors"), tensors);
    Files.delete(checkpoint.resolve("config.json"));
    rename(tensors, "model.", "");
    rename(tensors, ".block_sparse_moe.", "." + block + ".");
    Path params = checkpoint.resolve("params.json");
    Files.writeString(params, params("{\"num_experts_per_tok\": 2, \"num_experts\": 8}"));
    assertVerified(checkpoint);
    Files.writeString(params, params("{\"num_experts\": 8, \"routed_scale\": 2.5}"));
    assertRefused(checkpoint, params.toString(), "\"moe.routed_scale\"", "config.json");
    Files.writeString(params, params("{\"num_experts\": 8}"));
    assertRefused(checkpoint, params.toString(), "\"moe.num_experts_per_tok\"", "from 1");
    Files.writeString(params, "{\"dim\": 64}");
    assertRefused(checkpoint, params.toString(), "\"moe\"");
  }

  private static String params(String moe) {
    return String.format(
        Locale.ROOT,
        "{\"dim\": 64, \"n_layers\": 2, \"hidden_dim\": 96, \"vocab_size\": 128, \"moe\": %s}",
        moe);
  }

  @Test
  void aModelInTheCacheOfHuggingFacesTools() throws IOException {
    Path model = directory.resolve("models--org--tiny");
    Path blobs = Files.createDirectories(model.resolve("blobs"));
    Path snapshot = Files.createDirectories(model.resolve("snapshots").resolve(COMMIT));
    for (String name : List.of("config.json", "model.safetensors", "golden.safetensors")) {
      Files.copy(Golden.directory("hf/qwen3_moe").resolve(name), blobs.resolve("blob-" + name));
      Files.createSymbolicLink(snapshot.resolve(name), Path.of("../../blobs/blob-" + name));
    }
    assertVerified(model);
    Path other = Files.createDirectory(model.resolve("snapshots").resolve("f".repeat(40)));
    assertRefused(model, "2 snapshots", "refs/main");
    Path refs = Files.createDirectory(model.resolve("refs"));
    Files.writeString(refs.resolve("main"), COMMIT + "\n");
    assertVerified(model);
    Files.writeString(refs.resolve("main"), "../..");
    Files.delete(other);
    assertVerified(model);
    Files.move(snapshot, model.resolve("elsewhere"));
    assertRefused(model, "no snapshot", "download");
  }

  @Test
  void aGgufModelBesideItsEncoderAndItsImportanceMatrix() throws IOException {
    Path checkpoint = Golden.copy("gguf/qwen3moe-q4_0", directory);
    Path model = Files.move(checkpoint.resolve("model.gguf"), checkpoint.resolve("Tiny-Q4_0.gguf"));
    Path encoder = checkpoint.resolve("mmproj-F16.gguf");
    writeGguf(encoder, "general.architecture", "clip");
    Path matrix = checkpoint.resolve("imatrix.gguf");
    writeGguf(matrix, "general.type", "imatrix");
    assertVerified(checkpoint);
    assertRefused(matrix, matrix.toString(), "\"imatrix\"", "not a model");
    Files.delete(model);
    assertRefused(checkpoint, "imatrix.gguf", "not a model");
    Files.delete(matrix);
    assertRefused(checkpoint, encoder.toString(), "encoder", "not a model");
  }

  /// As AutoGPTQ and AutoAWQ wrote their configs before transformers knew them.
  @ParameterizedTest
  @CsvSource({
    "w4a16/qwen3_moe-gptq_g64_desc_act, quantize_config.json",
    "w4a16/qwen3_moe-awq_g128, quant_config.json"
  })
  void aQuantisationConfigInAFileOfItsOwn(String golden, String file) throws IOException {
    Path checkpoint = Golden.copy(golden, directory);
    Path config = checkpoint.resolve("config.json");
    Object said = StrictJson.readObject(config).get("quantization_config");
    Files.writeString(checkpoint.resolve(file), JSON.std.asString(said));
    Golden.editConfig(checkpoint, "\"quantization_config\"", "\"other\"");
    assertVerified(checkpoint);
    Files.writeString(checkpoint.resolve(file), "[]");
    assertRefused(checkpoint, checkpoint.resolve(file).toString());
  }

  @Test
  void modelOptimizersConfigNeedsItsObject() throws IOException {
    Path checkpoint = Golden.copy("fp8_int8_fp4/qwen3_moe-modelopt_nvfp4", directory);
    Path file = checkpoint.resolve("hf_quant_config.json");
    assertVerified(checkpoint);
    Files.writeString(file, "{\"producer\": {}}");
    assertRefused(checkpoint, file.toString(), "\"quantization\"");
  }

  @Test
  void anAdapter() throws IOException {
    Files.createFile(directory.resolve("adapter_model.safetensors"));
    Path config = directory.resolve("adapter_config.json");
    Files.writeString(config, "{\"base_model_name_or_path\": \"org/base\"}");
    assertRefused(directory, directory.toString(), "adapter", "\"org/base\"", "merge");
    Files.writeString(config, "{}");
    assertRefused(directory, "adapter", "another model");
  }

  @Test
  void filesOfPyTorch() throws IOException {
    Files.writeString(directory.resolve("config.json"), "{}");
    Files.createFile(directory.resolve("pytorch_model-00001-of-00002.bin"));
    assertRefused(directory, directory.toString(), "PyTorch", "safetensors");
  }

  @Test
  void aPipeline() throws IOException {
    Files.createFile(directory.resolve("model_index.json"));
    assertRefused(directory, directory.toString(), "pipeline", "model_index.json");
  }

  @Test
  void aDenseModelOfATypeWithExperts() throws IOException {
    Path checkpoint = Golden.copy("hf/granitemoehybrid", directory);
    String config = Files.readString(checkpoint.resolve("config.json"));
    Files.writeString(
        checkpoint.resolve("config.json"),
        config.replaceFirst("\"num_local_experts\": \\d+", "\"num_local_experts\": 0"));
    Files.delete(checkpoint.resolve("golden.safetensors"));
    assertRefused(checkpoint, checkpoint.toString(), "no MoE layers");
    assertThat(MoeRun.of("explain", checkpoint).refusal()).contains("no MoE layers");
    assertThat(MoeRun.of("inspect", checkpoint).fine().out())
        .contains("architecture  granitemoehybrid\n")
        .contains("MoE layers (indices): none\n")
        .contains("the model has no MoE layers");
  }

  /// A file of version 3 without tensors, with one text.
  private static void writeGguf(Path file, String key, String value) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.allocate(24 + 8 + key.length() + 4 + 8 + value.length())
            .order(ByteOrder.LITTLE_ENDIAN)
            .put("GGUF".getBytes(StandardCharsets.US_ASCII))
            .putInt(3)
            .putLong(0)
            .putLong(1)
            .putLong(key.length())
            .put(key.getBytes(StandardCharsets.US_ASCII))
            .putInt(8) // a text
            .putLong(value.length())
            .put(value.getBytes(StandardCharsets.US_ASCII));
    Files.write(file, bytes.array());
  }

  private static void rename(Path file, String from, String to) {
    Golden.rewrite(
        file,
        tensor ->
            new TensorView(
                tensor.name().replace(from, to), tensor.dtype(), tensor.shape(), tensor.data()));
  }

  private static void assertVerified(Path path) {
    MoeRun run = MoeRun.of("verify", path).fine();
    assertThat(run.err()).isEmpty();
    assertThat(run.out()).contains(" 0 failed");
  }

  private static void assertRefused(Path path, String... says) {
    assertThat(MoeRun.of("verify", path).refusal()).contains(says);
  }
}
