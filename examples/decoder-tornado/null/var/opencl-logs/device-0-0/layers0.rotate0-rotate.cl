#pragma OPENCL EXTENSION cl_khr_fp64 : enable  
#pragma OPENCL EXTENSION cl_khr_fp16 : enable  
#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable  
__kernel void rotate(__global long *_kernel_context, __constant uchar *_constant_region, __local uchar *_local_region, __global int *_atomics, __global uchar *step, __global uchar *angles, __global uchar *qkv, __global uchar *norms, __global uchar *queries, __global uchar *keys, __global uchar *values, __private int heads, __private int keyValueHeads, __private int half, __private int positions, __private float epsilon)
{
  ulong ul_48, ul_111, ul_143, ul_19, ul_137, ul_6, ul_42, ul_0, ul_1, ul_94, ul_63, ul_4, ul_100, ul_132, ul_5, ul_2, ul_3, ul_99, ul_25, ul_118, ul_55, ul_61, ul_123; 
  float f_62, f_124, f_56, f_49, f_77, f_78, f_75, f_76, f_73, f_74, f_138, f_71, f_72, f_69, f_70, f_67, f_68, f_66, f_29, f_30, f_27, f_28, f_26, f_85, f_83, f_20, f_84, f_81, f_82, f_79, f_80, f_43, f_35, f_36, f_33, f_34, f_31, f_32; 
  int i_87, i_88, i_89, i_90, i_14, i_15, i_21, i_8, i_9, i_10, i_11, i_139, i_12, i_13, i_126, i_127, i_64, i_128, i_133, i_119, i_57, i_125, i_112, i_113, i_50, i_114, i_51, i_38, i_102, i_103, i_104, i_105, i_106, i_107, i_44, i_95, i_37, i_101; 
  bool b_86, b_65; 
  long l_46, l_110, l_45, l_109, l_47, l_41, l_108, l_54, l_53, l_117, l_120, l_52, l_116, l_115, l_58, l_122, l_121, l_60, l_59, l_134, l_136, l_135, l_130, l_129, l_131, l_142, l_141, l_16, l_140, l_22, l_24, l_23, l_18, l_17, l_93, l_96, l_92, l_91, l_40, l_39, l_98, l_97; 

  // BLOCK 0
  ul_0  =  (ulong) step;
  ul_1  =  (ulong) angles;
  ul_2  =  (ulong) qkv;
  ul_3  =  (ulong) norms;
  ul_4  =  (ulong) queries;
  ul_5  =  (ulong) keys;
  ul_6  =  (ulong) values;
  __local float adf_7[8];
  i_8  =  get_group_id(0);
  i_9  =  i_8 / 6;
  i_10  =  i_9 << 3;
  i_11  =  i_8 % 6;
  i_12  =  i_10 + i_11;
  i_13  =  i_12 << 4;
  i_14  =  get_local_id(0);
  i_15  =  i_13 + i_14;
  l_16  =  (long) i_15;
  l_17  =  l_16 + 4L;
  l_18  =  l_17 << 2;
  ul_19  =  ul_2 + l_18;
  f_20  =  *((__global float *) ul_19);
  i_21  =  i_15 + 8;
  l_22  =  (long) i_21;
  l_23  =  l_22 + 4L;
  l_24  =  l_23 << 2;
  ul_25  =  ul_2 + l_24;
  f_26  =  *((__global float *) ul_25);
  f_27  =  f_26 * f_26;
  f_28  =  fma(f_20, f_20, f_27);
  adf_7[i_14]  =  f_28;
  barrier(CLK_LOCAL_MEM_FENCE);
  f_29  =  adf_7[0];
  f_30  =  adf_7[1];
  f_31  =  adf_7[2];
  f_32  =  adf_7[3];
  f_33  =  adf_7[4];
  f_34  =  adf_7[5];
  f_35  =  adf_7[6];
  f_36  =  adf_7[7];
  i_37  =  (i_11 < 4) ? 0 : 16;
  i_38  =  i_37 + i_14;
  l_39  =  (long) i_38;
  l_40  =  l_39 + 4L;
  l_41  =  l_40 << 2;
  ul_42  =  ul_3 + l_41;
  f_43  =  *((__global float *) ul_42);
  i_44  =  i_38 + 8;
  l_45  =  (long) i_44;
  l_46  =  l_45 + 4L;
  l_47  =  l_46 << 2;
  ul_48  =  ul_3 + l_47;
  f_49  =  *((__global float *) ul_48);
  i_50  =  i_9 << 4;
  i_51  =  i_50 + i_14;
  l_52  =  (long) i_51;
  l_53  =  l_52 + 4L;
  l_54  =  l_53 << 2;
  ul_55  =  ul_1 + l_54;
  f_56  =  *((__global float *) ul_55);
  i_57  =  i_51 + 8;
  l_58  =  (long) i_57;
  l_59  =  l_58 + 4L;
  l_60  =  l_59 << 2;
  ul_61  =  ul_1 + l_60;
  f_62  =  *((__global float *) ul_61);
  ul_63  =  ul_0 + 16L;
  i_64  =  *((__global int *) ul_63);
  b_65  =  i_9 < i_64;
  if(b_65)
  {
    // BLOCK 1
    f_66  =  f_29 + 0.0F;
    f_67  =  f_66 + f_30;
    f_68  =  f_67 + f_31;
    f_69  =  f_68 + f_32;
    f_70  =  f_69 + f_33;
    f_71  =  f_70 + f_34;
    f_72  =  f_71 + f_35;
    f_73  =  f_72 + f_36;
    f_74  =  f_73 / 16.0F;
    f_75  =  f_74 + 1.0E-6F;
    f_76  =  rsqrt(f_75);
    f_77  =  f_76 * f_26;
    f_78  =  f_77 * f_49;
    f_79  =  f_76 * f_20;
    f_80  =  f_79 * f_43;
    f_81  =  f_80 * f_62;
    f_82  =  fma(f_78, f_56, f_81);
    f_83  =  f_80 * f_56;
    f_84  =  f_78 * f_62;
    f_85  =  f_83 - f_84;
    b_86  =  i_11 < 4;
    if(b_86)
    {
      // BLOCK 2
      i_87  =  i_9 << 2;
      i_88  =  i_87 + i_11;
      i_89  =  i_88 << 4;
      i_90  =  i_89 + i_14;
      l_91  =  (long) i_90;
      l_92  =  l_91 + 4L;
      l_93  =  l_92 << 2;
      ul_94  =  ul_4 + l_93;
      *((__global float *) ul_94)  =  f_85;
      i_95  =  i_90 + 8;
      l_96  =  (long) i_95;
      l_97  =  l_96 + 4L;
      l_98  =  l_97 << 2;
      ul_99  =  ul_4 + l_98;
      *((__global float *) ul_99)  =  f_82;
      return;
    }  // B1
    else
    {
      // BLOCK 3
      ul_100  =  ul_0 + 20L;
      i_101  =  *((__global int *) ul_100);
      i_102  =  i_101 + i_9;
      i_103  =  i_11 + -4;
      i_104  =  i_103 << 4;
      i_105  =  i_104 + i_14;
      i_106  =  i_105 << 6;
      i_107  =  i_102 + i_106;
      l_108  =  (long) i_107;
      l_109  =  l_108 + 4L;
      l_110  =  l_109 << 2;
      ul_111  =  ul_5 + l_110;
      *((__global float *) ul_111)  =  f_85;
      i_112  =  i_105 + 8;
      i_113  =  i_112 << 6;
      i_114  =  i_113 + i_102;
      l_115  =  (long) i_114;
      l_116  =  l_115 + 4L;
      l_117  =  l_116 << 2;
      ul_118  =  ul_5 + l_117;
      *((__global float *) ul_118)  =  f_82;
      i_119  =  i_15 + 32;
      l_120  =  (long) i_119;
      l_121  =  l_120 + 4L;
      l_122  =  l_121 << 2;
      ul_123  =  ul_2 + l_122;
      f_124  =  *((__global float *) ul_123);
      i_125  =  i_103 << 6;
      i_126  =  i_125 + i_102;
      i_127  =  i_126 << 4;
      i_128  =  i_127 + i_14;
      l_129  =  (long) i_128;
      l_130  =  l_129 + 4L;
      l_131  =  l_130 << 2;
      ul_132  =  ul_6 + l_131;
      *((__global float *) ul_132)  =  f_124;
      i_133  =  i_15 + 40;
      l_134  =  (long) i_133;
      l_135  =  l_134 + 4L;
      l_136  =  l_135 << 2;
      ul_137  =  ul_2 + l_136;
      f_138  =  *((__global float *) ul_137);
      i_139  =  i_128 + 8;
      l_140  =  (long) i_139;
      l_141  =  l_140 + 4L;
      l_142  =  l_141 << 2;
      ul_143  =  ul_6 + l_142;
      *((__global float *) ul_143)  =  f_138;
      return;
    }  // B1
  }  // B0
  else
  {
    // BLOCK 4
  }  // B0
  // BLOCK 5 MERGES [4 2 3 ]
  return;
}  //  kernel
