package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.FamilyConfig.EXPERTS;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;
import static dev.tornadomoe.layer.family.FamilyConfig.INTERMEDIATE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.SafetensorsWriter;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.TensorView;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A model of DeepSeek-V3's 61 layers, three of them dense, a shard for each layer; only what a
/// layer needs is on this disk.
class ShardedModelTest {
  private static final BlockTensors BLOCK = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);
  private static final int LAYERS = 61;

  @TempDir Path directory;

  @Test
  void opensTheOneLayerWhoseShardIsThere() {
    writeIndex(shardPerLayer());
    writeShard(shard(57), block(57));
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThat(model.layerIndices()).isEqualTo(IntStream.range(3, LAYERS).boxed().toList());
      assertIsOurs(model.layer(57));
      assertThatThrownBy(() -> model.layer(5))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll(
              directory.resolve(shard(5)).toString(), "missing", "\"model.layers.5.mlp.");
      assertIsOurs(model.layer(57));
    }
  }

  @Test
  void theLayersOfMultiTokenPredictionAreNotOurs() {
    writeIndex(shardPerLayer());
    writeShard(shard(LAYERS), block(LAYERS));
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      assertThatThrownBy(() -> MoeModel.of(checkpoint).layer(LAYERS))
          .isInstanceOf(LayerException.class)
          .hasMessageContainingAll("layer 61 does not exist", "MoE layers: 3-60");
    }
  }

  @Test
  void aLayerMayLieAcrossShards() {
    List<TensorView> tensors = new ArrayList<>(block(30).tensors());
    List<TensorView> head = tensors.subList(0, tensors.size() / 2);
    List<TensorView> tail = tensors.subList(tensors.size() / 2, tensors.size());
    Map<String, String> shardOf = shardPerLayer();
    head.forEach(tensor -> shardOf.put(tensor.name(), "head.safetensors"));
    tail.forEach(tensor -> shardOf.put(tensor.name(), "tail.safetensors"));
    writeIndex(shardOf);
    SafetensorsWriter.write(directory.resolve("head.safetensors"), head);
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      assertThatThrownBy(() -> MoeModel.of(checkpoint).layer(30))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("tail.safetensors", "missing");
      SafetensorsWriter.write(directory.resolve("tail.safetensors"), tail);
      assertIsOurs(MoeModel.of(checkpoint).layer(30));
    }
  }

  @Test
  void namesTheIndexWhenItLacksATensor() {
    Map<String, String> shardOf = shardPerLayer();
    shardOf.remove("model.layers.57.mlp.experts.4.up_proj.weight");
    writeIndex(shardOf);
    writeShard(shard(57), block(57));
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      assertThatThrownBy(() -> MoeModel.of(checkpoint).layer(57))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll(
              directory.resolve("model.safetensors.index.json").toString(),
              "\"model.layers.57.mlp.experts.4.up_proj.weight\"",
              "missing");
    }
  }

  @Test
  void namesTheShardOfASurplusExpert() {
    Map<String, String> shardOf = shardPerLayer();
    shardOf.put("model.layers.57.mlp.experts.6.down_proj.weight", "surplus.safetensors");
    writeIndex(shardOf);
    writeShard(shard(57), block(57));
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      assertThatThrownBy(() -> MoeModel.of(checkpoint).layer(57))
          .isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith(directory.resolve("surplus.safetensors").toString())
          .hasMessageContainingAll(
              "expert 6", "\"model.layers.57.mlp.experts.6.down_proj.weight\"", "there are 6");
    }
  }

  private static void assertIsOurs(MoeLayer layer) {
    BLOCK.assertRouter(layer);
    BLOCK.assertExperts(layer);
    BLOCK.assertShared(layer.shared(), INTERMEDIATE, false);
  }

  private static Map<String, String> shardPerLayer() {
    Map<String, String> shardOf = new TreeMap<>();
    for (int layer = 0; layer <= LAYERS; layer++) {
      shardOf.put("model.layers." + layer + ".self_attn.q_proj.weight", shard(layer));
      if (layer < 3) {
        shardOf.put("model.layers." + layer + ".mlp.gate_proj.weight", shard(layer));
      } else {
        for (String name : block(layer).names()) {
          shardOf.put(name, shard(layer));
        }
      }
    }
    return shardOf;
  }

  private static String shard(int layer) {
    return String.format(Locale.ROOT, "model-%05d-of-00062.safetensors", layer + 1);
  }

  private static TensorSet block(int layer) {
    String mlp = "model.layers." + layer + ".mlp.";
    return BLOCK
        .router(mlp + "gate")
        .put(BlockTensors.vector(mlp + "gate.e_score_correction_bias", "correction", 0, EXPERTS))
        .putAll(BLOCK.perExpert(mlp))
        .putAll(BLOCK.shared(mlp + "shared_experts", INTERMEDIATE));
  }

  private void writeIndex(Map<String, String> shardOf) {
    String config =
        FamilyConfig.of("deepseek_v3")
            .with("num_hidden_layers", LAYERS)
            .with("first_k_dense_replace", 3)
            .with("num_nextn_predict_layers", 1)
            .json();
    ModelDirectory.writeIndex(directory, config, shardOf);
  }

  private void writeShard(String shard, TensorSet tensors) {
    SafetensorsWriter.write(directory.resolve(shard), List.copyOf(tensors.tensors()));
  }
}
