mod http;
mod images;
mod peers;
mod scene;
mod sealing;
mod searches;
mod storing;
