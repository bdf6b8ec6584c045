//! DICOMweb (STOW-RS, QIDO-RS, WADO-RS) over sealed blobs, and DICOM SEG for a diagnosis's
//! mask. The hospital's images. No pixel is on a disk that its patient's key does not seal.
