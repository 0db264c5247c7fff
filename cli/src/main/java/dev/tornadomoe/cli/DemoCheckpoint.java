package dev.tornadomoe.cli;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.SafetensorsWriter;
import dev.tornadomoe.checkpoint.io.WholeFile;
import dev.tornadomoe.cli.console.JsonOutput;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.BFloat16;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/// Makes a small checkpoint in a real format: a Qwen3-MoE with 48 layers and W4A16 experts as
/// compressed-tensors stores them, in two shards, with reference outputs for its first and last
/// layer.
final class DemoCheckpoint {
  static final int LAYERS = 48;

  private static final int HIDDEN = 128;
  private static final int INTERMEDIATE = 64;
  private static final int EXPERTS = 16;
  private static final int TOP_K = 4;
  private static final int GROUP = 32;

  private final Random random = new Random(2026);
  private final Path directory;

  DemoCheckpoint(Path directory) {
    this.directory = directory;
  }

  void write() {
    WholeFile.writeText(directory.resolve("config.json"), JsonOutput.of(config()));
    Map<String, Object> weightMap = new LinkedHashMap<>();
    writeShard("model-00001-of-00002.safetensors", 0, LAYERS / 2, weightMap);
    writeShard("model-00002-of-00002.safetensors", LAYERS / 2, LAYERS, weightMap);
    Map<String, Object> index = new LinkedHashMap<>();
    index.put("metadata", Map.of());
    index.put("weight_map", weightMap);
    WholeFile.writeText(directory.resolve("model.safetensors.index.json"), JsonOutput.of(index));
    writeGolden();
  }

  private static Map<String, Object> config() {
    Map<String, Object> weights = new LinkedHashMap<>();
    weights.put("num_bits", 4);
    weights.put("type", "int");
    weights.put("symmetric", true);
    weights.put("strategy", "group");
    weights.put("group_size", GROUP);
    Map<String, Object> quantization = new LinkedHashMap<>();
    quantization.put("quant_method", "compressed-tensors");
    quantization.put("format", "pack-quantized");
    Map<String, Object> group = new LinkedHashMap<>();
    group.put("targets", List.of("Linear"));
    group.put("weights", weights);
    quantization.put("config_groups", Map.of("group_0", group));
    quantization.put("ignore", List.of("lm_head", "re:.*mlp.gate$"));
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("architectures", List.of("Qwen3MoeForCausalLM"));
    config.put("model_type", "qwen3_moe");
    config.put("hidden_act", "silu");
    config.put("hidden_size", HIDDEN);
    config.put("moe_intermediate_size", INTERMEDIATE);
    config.put("num_experts", EXPERTS);
    config.put("num_experts_per_tok", TOP_K);
    config.put("norm_topk_prob", true);
    config.put("num_hidden_layers", LAYERS);
    config.put("quantization_config", quantization);
    return config;
  }

  private void writeShard(String file, int from, int to, Map<String, Object> weightMap) {
    List<TensorView> tensors = new ArrayList<>();
    for (int layer = from; layer < to; layer++) {
      String block = "model.layers." + layer + ".mlp.";
      tensors.add(bf16(block + "gate.weight", EXPERTS, HIDDEN, 1 / Math.sqrt(HIDDEN)));
      for (int e = 0; e < EXPERTS; e++) {
        String expert = block + "experts." + e + ".";
        linear(tensors, expert + "gate_proj", INTERMEDIATE, HIDDEN);
        linear(tensors, expert + "up_proj", INTERMEDIATE, HIDDEN);
        linear(tensors, expert + "down_proj", HIDDEN, INTERMEDIATE);
      }
    }
    SafetensorsWriter.write(directory.resolve(file), tensors);
    tensors.forEach(tensor -> weightMap.put(tensor.name(), file));
  }

  private void linear(List<TensorView> tensors, String module, int rows, int columns) {
    int[] words = random.ints((long) rows * columns / 8).toArray();
    tensors.add(
        new TensorView(
            module + ".weight_packed",
            DType.I32,
            Shape.of(rows, columns / 8),
            MemorySegment.ofArray(words)));
    short[] scales = new short[rows * columns / GROUP];
    for (int i = 0; i < scales.length; i++) {
      // Nibbles minus 8 have a standard deviation of 4.6.
      double scale = (0.5 + random.nextDouble()) / 4.6 / Math.sqrt(columns);
      scales[i] = BFloat16.fromFloat((float) scale);
    }
    tensors.add(
        new TensorView(
            module + ".weight_scale",
            DType.BF16,
            Shape.of(rows, columns / GROUP),
            MemorySegment.ofArray(scales)));
    tensors.add(
        new TensorView(
            module + ".weight_shape",
            DType.I64,
            Shape.of(2),
            MemorySegment.ofArray(new long[] {rows, columns})));
  }

  private TensorView bf16(String name, int rows, int columns, double spread) {
    short[] values = new short[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = BFloat16.fromFloat((float) (random.nextGaussian() * spread));
    }
    return new TensorView(name, DType.BF16, Shape.of(rows, columns), MemorySegment.ofArray(values));
  }

  /// Computed by the reference backend, one loop per step in double precision.
  private void writeGolden() {
    List<TensorView> tensors = new ArrayList<>();
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      MoeModel model = MoeModel.of(checkpoint);
      for (int index : List.of(0, LAYERS - 1)) {
        MoeLayer layer = model.layer(index);
        try (Session session =
            Backends.require("reference")
                .prepare(
                    Planner.builder()
                        .maxTokens(33)
                        .outputAliasing(AliasMode.OFF)
                        .build()
                        .plan(layer))) {
          for (int tokens : List.of(1, 33)) {
            float[] input = new float[tokens * HIDDEN];
            for (int i = 0; i < input.length; i++) {
              input[i] = (float) random.nextGaussian();
            }
            float[] output = new float[input.length];
            session.run(MemorySegment.ofArray(input), tokens, MemorySegment.ofArray(output));
            String name = "layer" + index + "/m" + tokens + "/";
            tensors.add(rows(name + "input", tokens, input));
            tensors.add(rows(name + "output", tokens, output));
          }
        }
      }
    }
    SafetensorsWriter.write(directory.resolve("golden.safetensors"), tensors);
  }

  private static TensorView rows(String name, int tokens, float[] values) {
    return new TensorView(name, DType.F32, Shape.of(tokens, HIDDEN), MemorySegment.ofArray(values));
  }
}
