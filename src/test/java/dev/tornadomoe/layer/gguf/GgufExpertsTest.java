package dev.tornadomoe.layer.gguf;

import static dev.tornadomoe.layer.gguf.GgufAssertions.assertRefused;
import static dev.tornadomoe.layer.gguf.GgufAssertions.assertRows;
import static dev.tornadomoe.layer.gguf.GgufAssertions.open;
import static dev.tornadomoe.layer.gguf.GgufBlock.E;
import static dev.tornadomoe.layer.gguf.GgufBlock.H;
import static dev.tornadomoe.layer.gguf.GgufBlock.I;
import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.Latent;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.OwnNorms;
import dev.tornadomoe.layer.family.MoeModel;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Experts of a GGUF file that are stored or sized in another way than most.
class GgufExpertsTest {
  @TempDir Path directory;

  /// Mixtral's files until 2024.
  @Test
  void readsExpertsOneByOne() {
    try (Checkpoint checkpoint = open(directory, oneByOne())) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      for (int e = 0; e < E; e++) {
        Mlp expert = layer.experts().local().get(e);
        assertRows(Objects.requireNonNull(expert.gate()), "ffn_gate." + e + ".weight", 0, I, H);
        assertRows(expert.up(), "ffn_up." + e + ".weight", 0, I, H);
        assertRows(expert.down(), "ffn_down." + e + ".weight", 0, H, I);
      }
    }
  }

  private static GgufBlock oneByOne() {
    GgufBlock block =
        new GgufBlock("llama")
            .withoutKey("expert_feed_forward_length")
            .without("ffn_gate_exps.weight")
            .without("ffn_up_exps.weight")
            .without("ffn_down_exps.weight");
    for (int e = 0; e < E; e++) {
      block.put("ffn_gate." + e + ".weight", I, H);
      block.put("ffn_up." + e + ".weight", I, H);
      block.put("ffn_down." + e + ".weight", H, I);
    }
    return block;
  }

  /// No memory is taken for experts before their tensors prove that they are there.
  @Test
  void believesNeitherTheNumberOfExpertsNorTheirDimensions() {
    assertRefused(
        directory,
        oneByOne().key("expert_count", Integer.MAX_VALUE),
        "\"blk.0.ffn_gate." + E + ".weight\" is missing");
    assertRefused(
        directory,
        oneByOne().put("ffn_down.0.weight", I),
        "\"blk.0.ffn_down.0.weight\" is [4], expected [6, 4]");
    assertRefused(
        directory,
        new GgufBlock("olmoe")
            .withoutKey("expert_feed_forward_length")
            .put("ffn_down_exps.weight", I),
        "\"blk.0.ffn_down_exps.weight\" is [4], expected [3, 6, 4]");
  }

  /// ggml leaves out dimensions of 1 in front.
  @Test
  void aSingleExpertHasNoDimensionOfItsOwn() {
    GgufBlock block =
        new GgufBlock("olmoe")
            .key("expert_count", 1)
            .key("expert_used_count", 1)
            .withoutKey("expert_feed_forward_length")
            .put("ffn_gate_inp.weight", H)
            .put("ffn_gate_exps.weight", I, H)
            .put("ffn_up_exps.weight", I, H)
            .put("ffn_down_exps.weight", H, I);
    try (Checkpoint checkpoint = open(directory, block)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      assertRows(Objects.requireNonNull(layer.router()).weight(), "ffn_gate_inp.weight", 0, 1, H);
      Mlp expert = layer.experts().local().getFirst();
      assertRows(Objects.requireNonNull(expert.gate()), "ffn_gate_exps.weight", 0, I, H);
      assertRows(expert.up(), "ffn_up_exps.weight", 0, I, H);
      assertRows(expert.down(), "ffn_down_exps.weight", 0, H, I);
    }
  }

  /// Arctic: what the layer gets has come through it.
  @Test
  void aNormOfTheExpertsOwnIsTheCallers() {
    GgufBlock block = GgufBlock.whole("arctic").put("ffn_norm_exps.weight", H);
    try (Checkpoint checkpoint = open(directory, block)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      assertThat(layer.norms()).isEqualTo(OwnNorms.NONE);
      assertThat(layer.shared()).isNull();
    }
    assertRefused(
        directory,
        GgufBlock.whole("llama").put("ffn_norm_exps.weight", H),
        "\"blk.0.ffn_norm_exps.weight\" is stored, but there is no use for it");
  }

  /// Nemotron 3 Super: between two projections, which only the routed experts are.
  @Test
  void expertsMayHaveRowsOfALatentSize() {
    int latent = 5;
    GgufBlock block =
        GgufBlock.whole("nemotron_h_moe")
            .key("moe_latent_size", latent)
            .key("expert_shared_feed_forward_length", 7)
            .put("ffn_up_shexp.weight", 7, H)
            .put("ffn_down_shexp.weight", H, 7)
            .put("ffn_latent_down.weight", latent, H)
            .put("ffn_latent_up.weight", H, latent)
            .put("ffn_up_exps.weight", E, I, latent)
            .put("ffn_down_exps.weight", E, latent, I);
    try (Checkpoint checkpoint = open(directory, block)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      assertThat(layer.hidden()).isEqualTo(H);
      Latent around = Objects.requireNonNull(layer.latent());
      assertRows(around.in(), "ffn_latent_down.weight", 0, latent, H);
      assertRows(around.out(), "ffn_latent_up.weight", 0, H, latent);
      Mlp expert = layer.experts().local().get(1);
      assertRows(expert.up(), "ffn_up_exps.weight", (long) I * latent, I, latent);
      assertRows(expert.down(), "ffn_down_exps.weight", (long) I * latent, latent, I);
      Mlp shared = Objects.requireNonNull(layer.shared()).mlp();
      assertRows(shared.up(), "ffn_up_shexp.weight", 0, 7, H);
    }
    assertRefused(
        directory,
        block.withoutKey("moe_latent_size"),
        "\"blk.0.ffn_up_exps.weight\" is [3, 4, 5], expected [3, 4, 6]");
    assertRefused(
        directory,
        block.key("moe_latent_size", latent).without("ffn_latent_up.weight"),
        "\"blk.0.ffn_latent_up.weight\" is missing");
    assertRefused(
        directory,
        GgufBlock.whole("nemotron_h_moe").put("ffn_latent_up.weight", H, H),
        "\"blk.0.ffn_latent_up.weight\" is stored, but there is no use for it");
  }
}
