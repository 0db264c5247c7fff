package dev.tornadomoe.layer.gguf;

import dev.tornadomoe.checkpoint.GgufMetadata;
import java.util.Optional;

/// How llama.cpp derives I of a block's shared expert from the keys, by architecture (`n_ff_shexp`
/// in its [models](https://github.com/ggml-org/llama.cpp/tree/master/src/models)).
enum SharedSize {
  /// There is no shared expert.
  NONE("none"),
  /// `expert_shared_feed_forward_length`; without it there is none.
  STATED("`expert_shared_feed_forward_length`; without it there is none"),
  /// The same, or else `feed_forward_length`.
  STATED_OR_DENSE("`expert_shared_feed_forward_length`, or else `feed_forward_length`"),
  /// The same, or else that of a routed expert.
  STATED_OR_EXPERT("`expert_shared_feed_forward_length`, or else a routed expert's"),
  /// `expert_shared_count` times that of a routed expert.
  COUNTED("`expert_shared_count` times a routed expert's"),
  /// The same with a count of at least 1.
  COUNTED_OR_ONE("`expert_shared_count`, at least 1, times a routed expert's"),
  /// `expert_shared_feed_forward_length`, or else as [#COUNTED_OR_ONE].
  STATED_OR_COUNTED(
      "`expert_shared_feed_forward_length`, or else `expert_shared_count`, at least 1, times a"
          + " routed expert's"),
  /// `expert_shared_count` times `expert_shared_feed_forward_length`, or else that of a routed
  /// expert.
  COUNTED_STATED(
      "`expert_shared_count` times `expert_shared_feed_forward_length`, or else a routed expert's"),
  /// None where `expert_shared_count` is 0 or not there; otherwise
  /// `expert_shared_feed_forward_length`, or else as [#COUNTED].
  IF_COUNTED(
      "`expert_shared_feed_forward_length`, or else `expert_shared_count` times a routed expert's;"
          + " without `expert_shared_count` there is none"),
  /// That of a routed expert.
  AS_AN_EXPERT("a routed expert's");

  private final String text;

  SharedSize(String text) {
    this.text = text;
  }

  /// For users, as Markdown.
  String text() {
    return text;
  }

  /// I, 0 where there is no shared expert, or empty where no key has it.
  ///
  /// @param expert I of a routed expert
  Optional<Integer> of(GgufMetadata metadata, int expert) {
    Optional<Integer> stated =
        metadata.count("expert_shared_feed_forward_length").filter(size -> size > 0);
    int count = metadata.count("expert_shared_count").orElse(0);
    return switch (this) {
      case NONE -> Optional.of(0);
      case STATED -> Optional.of(stated.orElse(0));
      case STATED_OR_DENSE ->
          stated.or(() -> metadata.count("feed_forward_length").filter(size -> size > 0));
      case STATED_OR_EXPERT -> Optional.of(stated.orElse(expert));
      case COUNTED -> Optional.of(product(count, expert));
      case COUNTED_OR_ONE -> Optional.of(product(Math.max(1, count), expert));
      case STATED_OR_COUNTED ->
          Optional.of(stated.orElseGet(() -> product(Math.max(1, count), expert)));
      case COUNTED_STATED -> Optional.of(product(count, stated.orElse(expert)));
      case IF_COUNTED ->
          Optional.of(count == 0 ? 0 : stated.orElseGet(() -> product(count, expert)));
      case AS_AN_EXPERT -> Optional.of(expert);
    };
  }

  /// Of what no tensor has, the most that an array can have.
  private static int product(int count, int size) {
    return (int) Math.min((long) count * size, Integer.MAX_VALUE);
  }
}
