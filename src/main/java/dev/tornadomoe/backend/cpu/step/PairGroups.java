package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.layer.ExpertMap;

/// Each pair on its own: for few tokens.
public final class PairGroups implements TokenGroups {
  private final ExpertMap map;
  private final BufferRef ids;
  private final int topK;
  private final int[] indices;
  private final int most;

  /// @param indices room for [#indices] of them, which others use before and after
  public PairGroups(ExpertMap map, BufferRef ids, int topK, int maxTokens, int[] indices) {
    this.map = map;
    this.ids = ids;
    this.topK = topK;
    this.indices = indices;
    this.most = maxTokens * topK;
  }

  /// How many indices so many tokens need.
  static int indices(int maxTokens, int topK) {
    return 2 * maxTokens * topK;
  }

  @Override
  public int begin(int tokens) {
    int groups = 0;
    for (int pair = 0; pair < tokens * topK; pair++) {
      int expert = map.localOf(ids.getInt(pair));
      if (expert >= 0) {
        indices[groups] = pair;
        indices[most + groups++] = expert;
      }
    }
    return groups;
  }

  @Override
  public int projection(int group) {
    return indices[most + group];
  }

  @Override
  public int size(int group) {
    return 1;
  }

  @Override
  public long input(int group, int i) {
    return indices[group] / topK;
  }

  @Override
  public long output(int group, int i) {
    return indices[group];
  }
}
